"""Finds the words that people read, and keeps their translations complete: `make words`.

It puts what the sources say into locale/<language>/LC_MESSAGES/*.po, where
new words wait to be translated, compiles those files, and names what is missing or wrong.
"""

import io
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOT: Final = Path(__file__).resolve().parent.parent
LOCALE: Final = ROOT / "locale"
APPS: Final = ("accounts", "billing", "chat", "netra")
# The words of operators are English.
NOT_TRANSLATED: Final = ("/admin/", "/migrations/", "/management/", "/vendor/", "/bundle/")
KEYWORDS: Final = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), (1,)),
    **dict.fromkeys(("ngettext", "ngettext_lazy", "ngettext_noop"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
}
# What a translation has to keep: the places of values, and HTML.
KEPT: Final = re.compile(r"%\(\w+\)s|\{\w+\}|</?[a-z]+[^>]*>")
CALL: Final = re.compile(
    r"""\b(?:[np]?gettext|_)\((?:u?'(?:\\.|[^'\\])*'|u?"(?:\\.|[^"\\])*"|[^'")])*\)"""
)
LINE_WIDTH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One text of the sources; `many` is its plural, empty without one."""

    one: str
    many: str
    context: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A catalogue: that of the server, or that of the page's scripts."""

    name: str
    suffixes: tuple[str, ...]


DOMAINS: Final = (
    Domain(name="django", suffixes=(".py", ".html", ".txt")),
    Domain(name="djangojs", suffixes=(".js",)),
)


def languages() -> list[str]:
    return [code for code, _name in settings.LANGUAGES if code != settings.LANGUAGE_CODE]


def catalogue_path(language: str, domain: Domain) -> Path:
    return LOCALE / language / "LC_MESSAGES" / f"{domain.name}.po"


@cache
def found_words(domain: Domain) -> tuple[Words, ...]:
    """Every text that the sources mark, in the order of the files."""
    return tuple(
        words
        for path in sources(domain)
        for words in words_of(
            path.read_text(encoding="utf-8"),
            suffix=path.suffix,
            place=path.relative_to(ROOT).as_posix(),
        )
    )


def merged(language: str, domain: Domain) -> Catalog:
    """The catalogue as it is, with every text of the sources and no other."""
    template = Catalog()
    for words in found_words(domain):
        template.add(
            (words.one, words.many) if words.many else words.one,
            locations=[(words.place, 0)],
            context=words.context or None,
        )
    catalogue = read_catalogue(language, domain)
    # A guess is worse than a gap: nobody looks at it again.
    catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
    return catalogue


def read_catalogue(language: str, domain: Domain) -> Catalog:
    path = catalogue_path(language, domain)
    if not path.exists():
        return Catalog(locale=language, project="Netra", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def compiled(catalogue: Catalog) -> bytes:
    """The .mo file that a catalogue compiles to."""
    target = io.BytesIO()
    write_mo(target, catalogue)
    return target.getvalue()


def faults(language: str, domain: Domain) -> Iterator[str]:
    """What is missing, wrong or out of date in a catalogue, in words for who mends it."""
    catalogue = read_catalogue(language, domain)
    said = {(words.context, words.one, words.many) for words in found_words(domain)}
    known = set()
    for message in catalogue:
        if not message.id:
            continue
        one, many = (*_forms(message.id), "")[:2]
        known.add((message.context or "", one, many))
        yield from faults_of(one, _forms(message.string), fuzzy=message.fuzzy)
    yield from (f"not in the catalogue: {one!r}" for _c, one, _m in sorted(said - known))
    yield from (f"nowhere in the sources: {one!r}" for _c, one, _m in sorted(known - said))
    if catalogue_path(language, domain).with_suffix(".mo").read_bytes() != compiled(catalogue):
        yield "the .mo file is not what the .po file compiles to"


def _forms(texts: str | Iterable[str] | None) -> tuple[str, ...]:
    """Singular and plural; one where there is no plural."""
    return (texts,) if isinstance(texts, str) else tuple(texts or ("",))


def faults_of(one: str, forms: tuple[str, ...], *, fuzzy: bool = False) -> Iterator[str]:
    """What is wrong with one translation."""
    if fuzzy:
        yield f"fuzzy: {one!r}"
    for form in forms:
        if not form:
            yield f"not translated: {one!r}"
        elif set(KEPT.findall(one)) != set(KEPT.findall(form)):
            yield f"places or tags differ: {one!r} and {form!r}"
        elif (one[:1] == "\n") != (form[:1] == "\n") or (one[-1:] == "\n") != (form[-1:] == "\n"):
            yield f"begins or ends otherwise: {one!r}"


def sources(domain: Domain) -> Iterator[Path]:
    """The files whose words people read."""
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*")):
            name = f"/{path.relative_to(ROOT)}"
            if path.suffix in domain.suffixes and not any(part in name for part in NOT_TRANSLATED):
                yield path


def words_of(text: str, *, suffix: str, place: str = "") -> Iterator[Words]:
    """Every text that one source marks; `suffix` is that of its file."""
    method = "javascript" if suffix == ".js" else "python"
    if suffix in {".html", ".txt"}:
        text = _calls(templatize(text))
    source = io.BytesIO(text.encode())
    options = {"parse_template_string": "true", "encoding": "utf-8"}
    for _line, found, _comments, context in extract(method, source, KEYWORDS, options=options):
        one, many = found if isinstance(found, tuple) else (found, "")
        yield Words(one=one, many=many, context=context or "", place=place)


def _calls(code: str) -> str:
    """Of a template that Django made code of, only the calls: the rest is no Python."""
    return "\n".join(call.group() for call in CALL.finditer(code))


def main() -> int:
    """Bring every catalogue up to date; 1 where something is left to be done."""
    wrong = 0
    for language in languages():
        for domain in DOMAINS:
            catalogue = merged(language, domain)
            path = catalogue_path(language, domain)
            with path.open("wb") as file:
                write_po(file, catalogue, width=LINE_WIDTH, include_lineno=False, sort_output=True)
            path.with_suffix(".mo").write_bytes(compiled(read_catalogue(language, domain)))
            for fault in faults(language, domain):
                print(f"{path.relative_to(ROOT)}: {fault}")
                wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
