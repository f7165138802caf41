"""This machine and its settings: Django's own checks, hosts, mail, static files, disk, backups."""

import shutil
import smtplib
import time
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from django.conf import settings
from django.core import mail
from django.core.checks import WARNING, run_checks
from django.core.files.storage import FileSystemStorage, default_storage

from netra.doctor.findings import Findings, fine, problem, warning

FREE_BYTES_MIN: Final = 1024**3
FREE_PERCENT_MIN: Final = 10
_HOUR_S: Final = 3600


def check_settings() -> Findings:
    if not settings.DEPLOYED:
        yield warning(
            "settings",
            f"NETRA_ENV is {settings.NETRA_ENV}",
            "Set NETRA_ENV=production where people are served.",
        )
    messages = [
        one
        for one in run_checks(include_deployment_checks=settings.DEPLOYED)
        if one.level >= WARNING
    ]
    for one in messages:
        yield problem("settings", f"{one.id}: {one.msg}", one.hint or "See Django's own words.")
    if not messages:
        yield fine("settings", "Django finds nothing")
    yield from _hosts()


def _hosts() -> Findings:
    names = settings.ALLOWED_HOSTS
    if "*" in names:
        yield problem(
            "hosts",
            "every host name is allowed",
            "Name yours in NETRA_ALLOWED_HOSTS: links in mails and origins of sockets follow it.",
        )
    else:
        yield fine("hosts", ", ".join(names) or "none")
    if settings.DEPLOYED and settings.ALLAUTH_TRUSTED_PROXY_COUNT == 0:
        yield warning(
            "proxies",
            "NETRA_TRUSTED_PROXIES is 0",
            "Behind a proxy set it to their number, or all clients share one rate limit.",
        )
    else:
        yield fine("proxies", f"{settings.ALLAUTH_TRUSTED_PROXY_COUNT} trusted")


def check_mail() -> Findings:
    if not settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        yield fine("mail", "goes to no server here")
        return
    where = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    connection = mail.get_connection()
    try:
        connection.open()
        yield fine("mail", f"{where} takes it")
    except (OSError, smtplib.SMTPException) as error:
        yield problem(
            "mail",
            f"{where}: {error}",
            "Correct NETRA_MAIL_URL: nobody can prove an address or reset a password.",
        )
    finally:
        with suppress(OSError, smtplib.SMTPException):
            connection.close()


def check_static() -> Findings:
    if settings.STATIC_ROOT is None:
        yield fine("static", "served from where they are")
        return
    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    advice = "Run manage.py collectstatic --no-input with each release."
    if not manifest.exists():
        yield problem("static", f"{manifest} is missing", advice)
        return
    newest = max(path.stat().st_mtime for path in settings.BASE_DIR.glob("*/static/*/*"))
    if manifest.stat().st_mtime < newest:
        yield problem("static", "collected before the newest of them was written", advice)
        return
    yield fine("static", "collected")


def check_files() -> Findings:
    if not isinstance(default_storage, FileSystemStorage):
        yield fine("files", "in a bucket")
        return
    folder = Path(settings.MEDIA_ROOT)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder, prefix=".doctor-"):
            pass
    except OSError as error:
        yield problem(
            "files",
            f"{folder}: {error.strerror}",
            "Let the processes write there, or name another folder in NETRA_VAR.",
        )
        return
    disk = shutil.disk_usage(folder)
    free_percent = 100 * disk.free // disk.total
    found = f"{folder}: {disk.free // 2**20:,} MiB free, {free_percent} %"
    if disk.free < FREE_BYTES_MIN or free_percent < FREE_PERCENT_MIN:
        yield warning("files", found, "Make room: uploads are refused when it is full.")
        return
    yield fine("files", found)


def check_backups() -> Findings:
    stamp = settings.NETRA_BACKUP_STAMP
    if not stamp:
        if settings.DEPLOYED:
            yield warning(
                "backups",
                "unknown: NETRA_BACKUP_STAMP is not set",
                "Let each backup touch a file when it has succeeded, and name the file there.",
            )
        return
    advice = "Look at the backup's own log; docs/operations.md has the commands."
    try:
        age_h = (time.time() - Path(stamp).stat().st_mtime) / _HOUR_S
    except OSError as error:
        yield problem("backups", f"{stamp}: {error.strerror}", advice)
        return
    if age_h > settings.NETRA_BACKUP_HOURS:
        yield problem("backups", f"the last one is {age_h:.0f} hours old", advice)
        return
    yield fine("backups", f"the last one is {age_h:.0f} hours old")
