"""`python -m tests.fakes.worker`: the real worker, with the tools of `traces` beside its own."""

from django.core.management import execute_from_command_line

from tests.fakes import traces

if __name__ == "__main__":
    execute_from_command_line([traces.__name__, "worker"])
