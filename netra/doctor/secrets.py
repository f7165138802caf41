"""What is sealed under the deployment's key: readable, and by the newest key alone?"""

from django.conf import settings

from netra.doctor.findings import Findings, fine, problem, warning
from netra.resealing import look


def check_sealed() -> Findings:
    seen = look()
    if seen.lost:
        yield problem(
            "secrets",
            f"{len(seen.lost)} cannot be read: {', '.join(seen.lost[:5])}",
            "Put the key they were sealed under into NETRA_SECRET_KEY_FALLBACKS, or enter them "
            "again in the admin.",
        )
    elif seen.old:
        yield warning(
            "secrets",
            f"{len(seen.old)} of {seen.count} are sealed under an older key",
            "Run manage.py reseal.",
        )
    else:
        yield fine("secrets", f"{seen.count} sealed under the present key")
    if settings.SECRET_KEY_FALLBACKS:
        yield fine("older keys", f"{len(settings.SECRET_KEY_FALLBACKS)} still count")
