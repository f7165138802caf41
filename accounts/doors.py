"""Who comes into the admin."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts import selectors
from accounts.models import User

View = Callable[..., HttpResponse]


def may_enter(request: HttpRequest) -> bool:
    """Staff who may sign in, and who have a second factor wherever one is asked of them."""
    user = request.user
    return isinstance(user, User) and user.is_staff and user.may_sign_in and not lacks_factor(user)


def lacks_factor(user: User) -> bool:
    return settings.ACCOUNTS_STAFF_SECOND_FACTOR and not selectors.has_second_factor(user)


def second_factor_first(login: View) -> View:
    """The admin's login page, which tells staff without a second factor how to set one up."""

    @wraps(login)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        user = request.user
        if isinstance(user, User) and user.is_staff and user.may_sign_in and lacks_factor(user):
            page = "accounts/second_factor_needed.html"
            return render(request, page, status=HTTPStatus.FORBIDDEN)
        return login(request, *args, **kwargs)

    return answer
