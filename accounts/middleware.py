"""What every request of somebody who is signed in leaves behind."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts import open_sessions


class SessionUseMiddleware:
    """Keeps the list of a user's sessions."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        # Afterwards: signing in and changing a password give the session another key.
        if request.session.session_key is not None and request.user.is_authenticated:
            open_sessions.note_use(request)
        return response
