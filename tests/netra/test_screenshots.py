import pytest
from django.urls import resolve

from netra.ids import ThreadID
from tools.screenshots.camera import VIEWS, file_name, gallery
from tools.screenshots.shots import SHOTS, Shot


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: f"{shot.page}-{shot.state}")
def test_every_page_of_the_table_is_there(shot: Shot) -> None:
    match = resolve(shot.path.format(answer=ThreadID.new()))
    # The admin answers what it does not know by a route of its own.
    assert match.url_name
    assert match.func.__name__ != "catch_all_view"


def test_no_picture_overwrites_another_and_all_are_shown() -> None:
    names = [file_name(shot, view) for shot in SHOTS for view in VIEWS]
    assert len(set(names)) == len(names)
    shown = gallery()
    assert all(f'src="{name}"' in shown for name in names)
