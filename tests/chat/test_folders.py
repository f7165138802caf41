"""Folders: whose they are, how many, and what becomes of the threads in them."""

from collections.abc import Callable

import pytest

from accounts.models import User
from chat import folders, selectors
from chat.errors import FolderNameTaken, FolderNotFound, TooManyFolders
from chat.models import Folder, Thread
from tests.chat.races import at_once

pytestmark = pytest.mark.django_db


def names(user: User) -> list[str]:
    return [row.name for row in selectors.folders_of(user=user.pk)]


def test_folders_are_listed_by_name_and_of_one_name_there_is_one(
    make_user: Callable[[], User],
) -> None:
    me, they = make_user(), make_user()
    work, _attic = (folders.make_folder(user=me, name=name) for name in ("Work", "attic"))
    folders.make_folder(user=they, name="Work")

    with pytest.raises(FolderNameTaken):
        folders.make_folder(user=me, name="WORK")
    with pytest.raises(FolderNameTaken):
        folders.rename_folder(user=me, folder_id=work.folder_id, name="Attic")
    # Its own name in other case is no other folder's.
    folders.rename_folder(user=me, folder_id=work.folder_id, name="WORK")
    assert names(me) == ["attic", "WORK"]


def test_the_folders_of_others_are_not_there(make_user: Callable[[], User]) -> None:
    me, they = make_user(), make_user()
    theirs = folders.make_folder(user=they, name="Theirs").folder_id

    for folder_id in (theirs, "folder_1_nobody", "nonsense"):
        with pytest.raises(FolderNotFound):
            folders.rename_folder(user=me, folder_id=folder_id, name="Mine")
        with pytest.raises(FolderNotFound):
            folders.delete_folder(user=me, folder_id=folder_id)
    assert names(they) == ["Theirs"]


def test_threads_outlive_their_folder(user: User) -> None:
    made = folders.make_folder(user=user, name="Work")
    thread = Thread.objects.create(user=user, folder_id=made.folder_id)
    folders.delete_folder(user=user, folder_id=made.folder_id)

    thread.refresh_from_db()
    assert thread.folder_id is None


@pytest.mark.django_db(transaction=True)
def test_the_last_place_is_given_once(user: User) -> None:
    few = folders.FOLDERS_MAX - 1
    Folder.objects.bulk_create(Folder(user=user, name=f"f{number}") for number in range(few))

    def make(name: str) -> bool:
        try:
            folders.make_folder(user=user, name=name)
        except TooManyFolders:
            return False
        return True

    made = at_once([lambda name=name: make(name) for name in ("a", "b", "c")])  # type: ignore[misc]  # a default binds it
    assert sorted(made) == [False, False, True]
    assert Folder.objects.count() == folders.FOLDERS_MAX
