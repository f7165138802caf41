"""Folders of threads: listed, made, renamed, deleted."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from ninja import Router

from chat import folders, selectors
from chat.api.answers import CONFLICT, MISSING, REFUSALS, done, json
from chat.api.doors import caller_of
from chat.api.problems import Problem
from chat.api.schemas import FolderIn, FolderList, FolderView
from chat.errors import FolderNameTaken, TooManyFolders

router = Router(tags=["folders"])


@router.get("/folders", response={200: FolderList, **REFUSALS})
def list_folders(request: HttpRequest) -> HttpResponse:
    """Your folders, by name."""
    return json({"folders": selectors.folders_of(user=caller_of(request).user.pk)})


@router.post("/folders", response={201: FolderView, **REFUSALS, **CONFLICT})
def make_folder(request: HttpRequest, folder: FolderIn) -> HttpResponse:
    """Make a folder; you may have 100."""
    try:
        made = folders.make_folder(user=caller_of(request).user, name=folder.name)
    except FolderNameTaken:
        raise _name_taken() from None
    except TooManyFolders:
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too_many_folders",
            f"You may have {folders.FOLDERS_MAX} folders. Delete one first.",
        ) from None
    return json(made, status=HTTPStatus.CREATED)


@router.patch("/folders/{folder_id}", response={200: FolderView, **REFUSALS, **MISSING, **CONFLICT})
def rename_folder(request: HttpRequest, folder_id: str, folder: FolderIn) -> HttpResponse:
    """Call a folder otherwise."""
    try:
        renamed = folders.rename_folder(
            user=caller_of(request).user, folder_id=folder_id, name=folder.name
        )
    except FolderNameTaken:
        raise _name_taken() from None
    return json(renamed)


@router.delete("/folders/{folder_id}", response={204: None, **REFUSALS, **MISSING})
def delete_folder(request: HttpRequest, folder_id: str) -> HttpResponse:
    """Remove a folder; its threads stay, in none."""
    folders.delete_folder(user=caller_of(request).user, folder_id=folder_id)
    return done()


def _name_taken() -> Problem:
    return Problem(
        HTTPStatus.CONFLICT, "name_taken", "You have a folder of this name. Choose another one."
    )
