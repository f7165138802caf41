"""Folders of threads: made, renamed, deleted."""

from typing import Final

from django.db import IntegrityError, transaction

from accounts.models import User
from chat import selectors
from chat.delivery import bell
from chat.errors import FolderNameTaken, FolderNotFound, TooManyFolders
from chat.models import Folder, public_id
from chat.protocol.frames import FolderRow, Folders, encode
from netra.ids import FolderID

FOLDERS_MAX: Final = 100


def make_folder(*, user: User, name: str) -> FolderRow:
    """A new folder; raises FolderNameTaken, TooManyFolders."""
    try:
        with transaction.atomic():
            # Of two that are made at once the second counts the first.
            User.objects.select_for_update(no_key=True).get(pk=user.pk)
            if Folder.objects.filter(user=user).count() >= FOLDERS_MAX:
                raise TooManyFolders
            folder = Folder.objects.create(user=user, name=name)
            _publish(user)
    except IntegrityError as error:
        raise _refusal(error) from None
    return FolderRow(folder_id=folder.public_id, name=folder.name)


def rename_folder(*, user: User, folder_id: str, name: str) -> FolderRow:
    """Call a folder otherwise; raises FolderNotFound, FolderNameTaken."""
    try:
        with transaction.atomic():
            folder = held(user, folder_id)
            folder.name = name
            folder.save(update_fields=["name"])
            _publish(user)
    except IntegrityError as error:
        raise _refusal(error) from None
    return FolderRow(folder_id=folder.public_id, name=folder.name)


def delete_folder(*, user: User, folder_id: str) -> None:
    """Remove a folder; its threads stay, in none. Raises FolderNotFound."""
    with transaction.atomic():
        held(user, folder_id).delete()
        _publish(user)


def held(user: User, folder_id: str) -> Folder:
    """The user's folder, kept from going until this transaction ends; raises FolderNotFound."""
    known = public_id(FolderID, folder_id)
    mine = Folder.objects.select_for_update().filter(public_id=known, user=user)
    folder = mine.first() if known else None
    if folder is None:
        raise FolderNotFound
    return folder


def _refusal(error: IntegrityError) -> Exception:
    return FolderNameTaken() if "folder_name_once" in str(error) else error


def _publish(user: User) -> None:
    """Tell the user's sockets which folders there are now, after commit."""
    frame = encode(Folders(folders=selectors.folders_of(user=user.pk)))
    user_id = user.public_id
    transaction.on_commit(lambda: bell.ring(bell.UserFrame(user_id=user_id, frame=frame)))
