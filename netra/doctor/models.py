"""The models that answer: which there are and, when asked to, whether they do."""

import asyncio

from chat.agents import trial
from chat.model_rows import AgentModel
from netra.doctor.findings import Findings, fine, problem, warning


def check_models(*, probe: bool = False) -> Findings:
    rows = list(AgentModel.objects.filter(is_enabled=True))
    if not rows:
        yield fine("models", "none is connected in the admin")
    for row in rows:
        name = f"model {row.name}"
        if probe:
            # From this machine, whose network may differ from a worker's.
            asyncio.run(trial.test_model(row.public_id))
            row.refresh_from_db()
        if row.has_passed is None:
            yield warning(name, "was never tested", "Run manage.py doctor --probe.")
        elif not row.has_passed:
            yield problem(name, row.test_told, "Correct it under Admin › Models, or switch it off.")
        else:
            yield fine(name, row.test_told)
