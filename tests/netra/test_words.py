"""The words of other languages: all there, of the right form, and on every page of our own."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from http import HTTPStatus
from typing import Final

import pytest
from allauth.core.context import request_context
from django.core import mail
from django.test import Client, RequestFactory
from django.utils import timezone, translation

from accounts.adapters import AccountAdapter
from accounts.models import User
from billing.tiers import Tier
from billing.trials import TrialEnding
from chat.page_words import page_words
from netra.voice import DjangoVoice
from netra.words import English, grouped, moment_words
from tests.accounts.people import PASSWORD, sign_in, verified
from tools import words

ADDRESS: Final = "ada@acme.org"
STRANGERS: Final = (
    *("/", "/no-such-page/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"),
    *("/accounts/inactive/", "/accounts/deleted/"),
)
OWN: Final = (
    *("/chat/", "/plan/", "/plan/paid/", "/accounts/profile/", "/accounts/email/"),
    *("/accounts/password/change/", "/accounts/reauthenticate/", "/accounts/3rdparty/"),
    *("/accounts/2fa/", "/accounts/2fa/app/on/", "/accounts/sessions/", "/accounts/tokens/"),
    *("/accounts/security/", "/accounts/export/", "/accounts/delete/", "/accounts/logout/"),
)
# What reads the same: names, and words that German took over.
SAME: Final = re.compile(
    r"""A | App | Chat\ ·\ Netra | Code | Deutsch | Early | English | Enterprise | Export | Free
    | Mid | Name | Netra | Passkeys | SSO | billing
    | [\w.+-]+@[\w.-]+ | [\w-]*\d[\w.-]* | gpt-\S+ | claude-\S+ | (\w+_)+\w+ | POST | \W+
    | Google | GitHub | LinkedIn | Create\ issue | (:\ )?\$[\d.]+(,\ [\d.]+\ %\.)?""",
    re.VERBOSE,
)


class Told(HTMLParser):
    """Every text that a page tells, also to those who do not see it."""

    TOLD_BY = ("aria-label", "title", "placeholder", "alt", "content")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: set[str] = set()
        self.language = ""
        self._is_silent = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self._is_silent = tag in {"script", "style", "code"}
        if tag == "html":
            self.language = f"{found['lang']} {found['dir']}"
        if tag != "meta" or found.get("name") == "description":
            self.texts.update(str(found.get(name) or "").strip() for name in self.TOLD_BY)

    def handle_endtag(self, _tag: str) -> None:
        self._is_silent = False

    def handle_data(self, data: str) -> None:
        if not self._is_silent:
            self.texts.add(" ".join(data.split()))


@pytest.mark.parametrize("domain", words.DOMAINS, ids=lambda domain: domain.name)
@pytest.mark.parametrize("language", words.languages())
def test_every_word_of_the_sources_is_translated(language: str, domain: words.Domain) -> None:
    assert list(words.faults(language, domain)) == []


@pytest.mark.parametrize(
    ("suffix", "text", "found"),
    [
        (".html", '<a title="{% translate "One" %}">', "One"),
        (
            ".txt",
            "{% blocktranslate with n=a.b %}{{ n }}, 5 %{% endblocktranslate %}",
            "%(n)s, 5 %%",
        ),
        (".html", '{{ day|date:_("j F") }}', "j F"),
        (".py", 'messages.info(request, _("Saved (%(n)s).") % {"n": n})', "Saved (%(n)s)."),
        (".py", r'TABLE = {Kind.A: gettext_noop("It\'s \"so\"")}', 'It\'s "so"'),
        (".js", "setText(`${gettext('Copied')}.`);", "Copied"),
        (".js", 'const bad = /[",/]/g; say(gettext("Well"));', "Well"),
        (".js", 'say("gettext");', None),
    ],
)
def test_marked_texts_are_found(suffix: str, text: str, found: str | None) -> None:
    ones = [each.one for each in words.words_of(text, suffix=suffix)]
    assert ones == ([] if found is None else [found])


def test_no_text_of_a_script_is_overlooked() -> None:
    javascript = next(domain for domain in words.DOMAINS if domain.suffixes == (".js",))
    found = {each.one for each in words.found_words(javascript)}
    marked = re.compile(r'\bgettext\(\s*"([^"\\]+)"')
    scripts = [path.read_text(encoding="utf-8") for path in words.sources(javascript)]
    assert {text for script in scripts for text in marked.findall(script)} <= found


@pytest.mark.parametrize(
    ("told", "faults"),
    [
        ("<b>%(name)s</b> löschen?", 0),
        ("", 1),
        ("%(name)s löschen?", 1),
        ("<b>%(nam)s</b> löschen?", 1),
        ("<b>%(name)s</b> löschen?\n", 1),
    ],
)
def test_a_translation_keeps_places_and_tags(told: str, faults: int) -> None:
    assert len(list(words.faults_of("Delete <b>%(name)s</b>?", (told,)))) == faults


@pytest.mark.django_db
@pytest.mark.parametrize("path", STRANGERS)
def test_no_page_for_strangers_has_english_left(client: Client, path: str) -> None:
    assert left_english(client, path) == set()


@pytest.mark.django_db
def test_no_page_of_an_account_has_english_left(client: Client) -> None:
    verified(ADDRESS)
    sign_in(client, ADDRESS)
    assert {path: left for path in OWN if (left := left_english(client, path))} == {}


def left_english(client: Client, path: str) -> set[str]:
    """The texts of a page that are the same in both languages, and should not be."""
    german, english = (
        Told(client.get(path, headers={"Accept-Language": language}).content.decode())
        for language in ("de-AT, en;q=0.5", "en")
    )
    assert (german.language, english.language) == ("de ltr", "en ltr")
    return {text for text in german.texts & english.texts if text and not SAME.fullmatch(text)}


@pytest.mark.django_db
def test_a_chosen_language_goes_before_that_of_the_browser(client: Client) -> None:
    user = verified(ADDRESS)
    sign_in(client, ADDRESS)
    for chosen, asked, answered in (
        ("", "de", "de"),
        ("", "fr, en", "en"),
        ("", "xx", "en"),
        ("de", "en", "de"),
        ("en", "de", "en"),
    ):
        User.objects.filter(pk=user.pk).update(language=chosen)
        response = client.get("/accounts/profile/", headers={"Accept-Language": asked})
        assert response.headers["Content-Language"] == answered
        assert "Accept-Language" in response.headers["Vary"]
        assert f'<html lang="{answered}"' in response.content.decode()


@pytest.mark.django_db
def test_programs_are_answered_in_english(client: Client) -> None:
    response = client.get("/api/threads", headers={"Accept-Language": "de"})
    assert response.status_code == HTTPStatus.UNAUTHORIZED
    assert "Content-Language" not in response.headers
    assert "Send `Authorization: Bearer`" in response.content.decode()


@pytest.mark.django_db
def test_the_chat_page_brings_the_words_of_its_scripts(client: Client) -> None:
    verified(ADDRESS)
    sign_in(client, ADDRESS)
    with translation.override("de"):
        sent = page_words()
    assert sent is not None
    assert sent["catalog"]["New folder"] == "Neuer Ordner"
    assert sent["catalog"]["%(count)s command"] == ["%(count)s Befehl", "%(count)s Befehle"]
    german, english = (
        client.get("/chat/", headers={"Accept-Language": each}).content.decode()
        for each in ("de", "en")
    )
    found = re.search(r'<script id="netra-words" type="application/json">(.*?)</script>', german)
    assert found
    assert json.loads(found[1]) == sent
    assert "netra-words" not in english


@pytest.mark.django_db
def test_mails_are_written_in_the_language_of_who_reads_them(client: Client) -> None:
    client.post(
        "/accounts/signup/",
        {"email": ADDRESS, "password1": PASSWORD},
        headers={"Accept-Language": "de"},
    )
    assert mail.outbox[0].subject == "Dein Netra-Code"
    assert "Willkommen bei Netra." in str(mail.outbox[0].body)
    assert "Welcome" not in str(mail.outbox[0].message())


@pytest.mark.django_db
def test_a_notice_is_in_the_language_of_its_account_whoever_caused_it() -> None:
    user = verified(ADDRESS)
    user.language = "de"
    caused = RequestFactory().post("/admin/")
    with request_context(caused), translation.override("en"):
        AccountAdapter(caused).send_notification_mail("account/email/password_changed", user)
        assert translation.get_language() == "en"
    assert mail.outbox[0].subject == "Dein Netra-Passwort wurde geändert"
    assert "Wenn du das nicht warst" in str(mail.outbox[0].body)


@pytest.mark.parametrize("form", ["j F Y", "j F Y, H:i"])
def test_without_django_moments_read_as_with_it(form: str) -> None:
    for moment in (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 12, 24, 23, 5, tzinfo=UTC)):
        with translation.override("en"):
            assert DjangoVoice().dated(moment, form) == English().dated(moment, form)


@pytest.mark.parametrize(
    ("number", "places", "german"),
    [
        (0, 0, "0"),
        (1234, 0, "1.234"),
        (Decimal("1234.5"), 2, "1.234,50"),
        (Decimal("0.00005"), 4, "0,0000"),
        (Decimal("0.00015"), 4, "0,0002"),
    ],
)
def test_numbers_are_grouped_as_the_language_does(
    number: Decimal | int, places: int, german: str
) -> None:
    for language, told in (
        ("en", English().grouped(Decimal(number), places)),
        ("de", german),
    ):
        with translation.override(language):
            assert grouped(number, places=places) == told


def test_what_pure_modules_tell_is_translated_too() -> None:
    ends_at = datetime(2026, 12, 24, 18, 0, tzinfo=UTC)
    ending = TrialEnding(
        tier=Tier.MID, starts_at=ends_at - timedelta(days=14), ends_at=ends_at, then=Tier.FREE
    )
    with translation.override("de"):
        assert moment_words(ends_at) == "24. Dezember 2026, 18:00 UTC"
        assert ending.headline(ends_at - timedelta(days=3)) == (
            "Deine Probezeit mit Mid endet in 3 Tagen"
        )
        assert "mit dem Tarif Free weiter" in ending.sentence(ends_at - timedelta(days=3))
    assert ending.headline(timezone.now().max.replace(tzinfo=UTC)) == "Your Mid trial has ended"
