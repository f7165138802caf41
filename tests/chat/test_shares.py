"""Shared threads: what strangers see, until when, and of whom."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.services import delete_account
from chat import deletion, services, shares, uploads
from chat.errors import NothingToShare, ShareNotFound, ThreadNotFound
from chat.models import Run, Share, ToolCall
from chat.services import Outgoing
from tests.chat.test_branches import again, answer, edit, say

pytestmark = pytest.mark.django_db


def share(user: User, thread_id: str) -> str:
    return shares.share_thread(user=user, thread_id=thread_id).token


def texts(token: str) -> list[str]:
    return [message.text for message in shares.shared_with(token).messages]


def page(token: str) -> Any:
    return Client().get(f"/share/{token}/")


def test_a_share_shows_the_branch_as_it_was_until_it_is_shared_again(user: User) -> None:
    first = say(user, "c1", "q1")
    with pytest.raises(NothingToShare):
        share(user, first.thread_id)
    answer(first.run_id, "a1")
    second = say(user, "c2", "q2", first.thread_id)
    # The second answer has yet to come: nothing of that turn is shown.
    made = shares.share_thread(user=user, thread_id=first.thread_id)
    assert (texts(made.token), made.messages) == (["q1", "a1"], 2)
    answer(second.run_id, "a2")
    other = edit(user, first.message_id, "q1 edited")
    answer(other.run_id, "a1 edited")
    answer(again(user, other.run_id), "a1 again")
    assert texts(made.token) == ["q1", "a1"]

    renewed = shares.share_thread(user=user, thread_id=first.thread_id)
    assert (renewed.token, renewed.created_at) == (made.token, made.created_at)
    assert texts(made.token) == ["q1 edited", "a1 again"]
    assert shares.share_of(user=user, thread_id=first.thread_id) == renewed


def test_the_page_shows_words_and_file_names_and_nothing_of_the_owner(user: User) -> None:
    content = ContentFile(b"secret,content\n", name="a.csv")
    file = uploads.store_file(user=user, name="<b>usage</b>.csv", content=content)
    message = Outgoing(client_id="c1", text="<i>what</i> is it?", files=(file.public_id,))
    posted = services.post_message(user=user, message=message)
    answer(posted.run_id, "It is **bold** <script>alert(1)</script>")
    run = Run.objects.get()
    ToolCall.objects.create(
        run=run, call_id="1", tool_name="secret_tool", args='"secret arguments"', status="ok"
    )
    shown = page(share(user, posted.thread_id))
    body = shown.content.decode()

    assert shown.status_code == HTTPStatus.OK
    for part in (
        "&lt;i&gt;what&lt;/i&gt; is it?",
        "&lt;b&gt;usage&lt;/b&gt;.csv",
        "<strong>bold</strong> &lt;script&gt;",
        '<meta name="robots" content="noindex, nofollow">',
    ):
        assert part in body
    for secret in ("secret", user.email, user.public_id, posted.thread_id, file.public_id):
        assert secret not in body
    assert shown["Referrer-Policy"] == "no-referrer"
    assert shown["X-Robots-Tag"] == "noindex, nofollow"
    assert "no-store" in shown["Cache-Control"]
    assert "sessionid" not in shown.cookies
    uploads.remove_files(type(file).objects.all())


def test_a_revoked_link_is_dead_for_ever(user: User) -> None:
    posted = say(user, "c1", "q1")
    answer(posted.run_id, "a1")
    token = share(user, posted.thread_id)
    shares.revoke_share(user=user, thread_id=posted.thread_id)

    assert page(token).status_code == HTTPStatus.NOT_FOUND
    assert shares.share_of(user=user, thread_id=posted.thread_id) is None
    with pytest.raises(ShareNotFound):
        shares.revoke_share(user=user, thread_id=posted.thread_id)
    other = share(user, posted.thread_id)
    assert other != token
    assert page(token).status_code == HTTPStatus.NOT_FOUND


def test_a_link_is_not_made_by_guessing(user: User) -> None:
    posted = say(user, "c1", "q1")
    answer(posted.run_id, "a1")
    token = share(user, posted.thread_id)
    share_id = Share.objects.get().public_id
    assert len(token.split(".")[1]) >= 43  # 256 bits in base64

    forged = (share_id, f"{share_id}.", token[:-1], f"{token}x", token.swapcase(), "ü", "a.b")
    for wrong in forged:
        assert page(wrong).status_code == HTTPStatus.NOT_FOUND, wrong


def test_nobody_shares_what_is_not_theirs(make_user: Callable[[], User]) -> None:
    me, they = make_user(), make_user()
    posted = say(they, "c1", "q1")
    answer(posted.run_id, "a1")
    share(they, posted.thread_id)

    for act in (shares.share_thread, shares.share_of, shares.revoke_share):
        with pytest.raises(ThreadNotFound):
            act(user=me, thread_id=posted.thread_id)


def test_a_link_shows_nothing_of_a_deleted_thread_nor_of_who_may_not_sign_in(user: User) -> None:
    posted = say(user, "c1", "q1")
    answer(posted.run_id, "a1")
    token = share(user, posted.thread_id)
    deletion.delete_thread(user=user, thread_id=posted.thread_id)
    assert page(token).status_code == HTTPStatus.NOT_FOUND
    deletion.restore_thread(user=user, thread_id=posted.thread_id)
    assert page(token).status_code == HTTPStatus.OK

    User.objects.filter(pk=user.pk).update(suspended_at=timezone.now())
    assert page(token).status_code == HTTPStatus.NOT_FOUND
    User.objects.filter(pk=user.pk).update(suspended_at=None)
    delete_account(user=user, reason="asked for")
    assert page(token).status_code == HTTPStatus.NOT_FOUND


def test_of_a_long_thread_the_end_is_shown(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "TURNS_SHOWN_MAX", 2)
    first = say(user, "c0", "q0")
    answer(first.run_id, "a0")
    for number in (1, 2):
        answer(say(user, f"c{number}", f"q{number}", first.thread_id).run_id, f"a{number}")
    token = share(user, first.thread_id)
    assert texts(token) == ["q1", "a1", "q2", "a2"]
    assert "Earlier messages are not shown." in page(token).content.decode()
    monkeypatch.setattr(shares, "CHARS_SHOWN_MAX", 3)
    assert texts(token) == ["a2"]
