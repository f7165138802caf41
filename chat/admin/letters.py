"""Dead letters: what failed at every attempt, done again or put aside by an operator."""

import json
from collections.abc import Callable
from typing import Any, ClassVar, Final

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import User
from chat import dead_letters
from chat.admin import cells
from chat.admin.cells import NOTHING, Cell
from chat.admin.confirmation import Confirmation, ReasonForm, is_confirmed, reason_form
from chat.admin.conversations import AnyAdmin, Lookups, ReadOnlyAdmin
from chat.dead_letters import AlreadyResolved, NotReplayable, ReplayFailed, Unfit
from chat.models import DeadLetter, LetterState
from netra.ids import ConnectionID, UserID

# Each is a transaction of its own, within one request.
RESOLVED_AT_ONCE_MAX: Final = 100
USERS_LISTED_MAX: Final = 20

LIST: Final = "admin:chat_deadletter_changelist"
UNFIT: Final = {
    Unfit.FRAME_TYPE: "only messages, edits, further answers and stops are done again: "
    "a client sends the rest by itself",
    Unfit.UNREADABLE: "its frame cannot be read any more",
    Unfit.ACCOUNT_CLOSED: "its user may not sign in",
}


class UserFilter(admin.SimpleListFilter):
    """The users with the most letters that wait; others are found by the search."""

    title = "user with waiting letters"
    parameter_name = "user"

    def lookups(self, request: HttpRequest, model_admin: AnyAdmin) -> list[tuple[str, str]]:
        waiting = DeadLetter.objects.filter(state=LetterState.WAITING)
        counted = waiting.values_list("user__public_id", "user__email").annotate(n=Count("pk"))
        rows = counted.order_by("-n", "user__email")[:USERS_LISTED_MAX]
        return [(user_id, f"{email} ({n})") for user_id, email, n in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        user_id = self.value()
        return queryset.filter(user__public_id=user_id) if user_id else queryset


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    change_form_template = "admin/chat/letters/change_form.html"
    actions = ("replay", "discard")
    list_display = ("created", "state", "user", "frame_type", "error", "attempts")
    list_filter = ("state", UserFilter, "frame_type", "error_class")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-pk")
    search_fields = ("user__email", "=client_id", "error_text")
    search_help_text = "User or connection id, client_id, part of the user's address or the error"
    id_lookups: ClassVar[Lookups] = {UserID: "user__public_id", ConnectionID: "connection_id"}
    fields = (
        "state",
        "user",
        "created",
        "connection_id",
        "client_id",
        "frame_type",
        "whole_frame",
        "error",
        "attempts",
        "resolved",
        "resolved_by",
        "outcome",
    )

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("chat.change_deadletter")

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeadLetter]:
        return DeadLetter.objects.select_related("user", "resolved_by").defer("frame")

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[ChangeList]:
        return ChangeList  # letters have no public id

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        waits = obj is not None and obj.state == LetterState.WAITING
        context["may_resolve"] = waits and self.has_resolve_permission(request)
        context["checkbox"] = ACTION_CHECKBOX_NAME
        return super().render_change_form(request, context, add, change, form_url, obj)

    @admin.display(description="resolved", ordering="resolved_at")
    def resolved(self, letter: DeadLetter) -> str:
        return cells.moment(letter.resolved_at)

    @admin.display(description="error")
    def error(self, letter: DeadLetter) -> str:
        return _error(letter)

    @admin.display(description="frame")
    def whole_frame(self, letter: DeadLetter) -> SafeString:
        shown = json.dumps(json.loads(letter.frame), indent=2, ensure_ascii=False)
        return format_html("<pre>{}</pre>", shown)

    @admin.action(description="Replay…", permissions=["resolve"])
    def replay(self, request: HttpRequest, chosen: QuerySet[DeadLetter]) -> HttpResponse | None:
        letters = self._waiting(request, chosen)
        if letters and not is_confirmed(request):
            return self._confirmation(
                request,
                letters,
                action="replay",
                explanation="What each frame asked for is done now, in the name of its user. "
                "A message that its user has sent again meanwhile is not stored twice.",
            )

        def replay(letter: DeadLetter, actor: User) -> str:
            return dead_letters.replay(letter=letter, actor=actor).outcome

        self._resolve(request, letters, replay, done="Replayed")
        return None

    @admin.action(description="Discard…", permissions=["resolve"])
    def discard(self, request: HttpRequest, chosen: QuerySet[DeadLetter]) -> HttpResponse | None:
        letters = self._waiting(request, chosen)
        form = reason_form(request)
        if letters and not form.is_valid():
            return self._confirmation(
                request,
                letters,
                action="discard",
                explanation="None of this will ever be done. The letters can be read for "
                f"{dead_letters.RESOLVED_LIFE.days} days, then they are deleted.",
                form=form,
            )

        def discard(letter: DeadLetter, actor: User) -> str:
            reason = form.cleaned_data["reason"]
            return dead_letters.discard(letter=letter, actor=actor, reason=reason).outcome

        self._resolve(request, letters, discard, done="Discarded")
        return None

    def _waiting(self, request: HttpRequest, chosen: QuerySet[DeadLetter]) -> list[DeadLetter]:
        waiting = list(chosen.filter(state=LetterState.WAITING)[: RESOLVED_AT_ONCE_MAX + 1])
        if not waiting:
            self.message_user(request, "None of the chosen letters waits.", messages.WARNING)
        if len(waiting) > RESOLVED_AT_ONCE_MAX:
            words = f"These are the first {RESOLVED_AT_ONCE_MAX}; choose the others afterwards."
            self.message_user(request, words, messages.WARNING)
        return waiting[:RESOLVED_AT_ONCE_MAX]

    def _confirmation(
        self,
        request: HttpRequest,
        letters: list[DeadLetter],
        *,
        action: str,
        explanation: str,
        form: ReasonForm | None = None,
    ) -> HttpResponse:
        count = len(letters)
        what = "a dead letter" if count == 1 else f"{count} dead letters"
        back = reverse(LIST)
        asked = Confirmation(
            title=f"{action.capitalize()} {what}",
            explanation=explanation,
            headers=("created", "user", "frame", "client_id", "error", "attempts"),
            rows=[_row(letter) for letter in letters],
            submit=f"{action.capitalize()} {what}",
            back=back,
            trail=(("Dead letters", back),),
            hidden=(
                ("action", action),
                *((ACTION_CHECKBOX_NAME, str(letter.pk)) for letter in letters),
            ),
        )
        return asked.page(request, self.admin_site.each_context(request), form)

    def _resolve(
        self,
        request: HttpRequest,
        letters: list[DeadLetter],
        resolve: Callable[[DeadLetter, User], str],
        *,
        done: str,
    ) -> None:
        assert isinstance(request.user, User)
        count = 0
        for letter in letters:
            try:
                outcome = resolve(letter, request.user)
            except (AlreadyResolved, NotReplayable, ReplayFailed) as refused:
                words = _refusal(letter, refused)
                self.log_change(request, letter, f"Not {done.lower()}: {words}.")
                self.message_user(request, f"{letter}, {letter.user}: {words}.", messages.ERROR)
                continue
            count += 1
            self.log_change(request, letter, f"{done}. {outcome}")
        if count:
            self.message_user(request, f"{done}: {count}.", messages.SUCCESS)


def _row(letter: DeadLetter) -> tuple[Cell, ...]:
    named = letter.user.email, letter.frame_type, letter.client_id or NOTHING
    return cells.moment(letter.created_at), *named, _error(letter), letter.attempts


def _error(letter: DeadLetter) -> str:
    told = (letter.error_class, letter.error_text)
    return cells.opening(": ".join(part for part in told if part)) or NOTHING


def _refusal(letter: DeadLetter, refused: Exception) -> str:
    if isinstance(refused, AlreadyResolved):
        return "another operator was quicker"
    if isinstance(refused, NotReplayable):
        return UNFIT[refused.reason]
    return f"it failed again with {_error(letter)}"
