"""The password policy in the shape Django's forms and commands ask for."""

from django.core.exceptions import ValidationError

from accounts import password as policy
from accounts import selectors, services
from accounts.models import User


class PasswordPolicy:
    def validate(self, password: str, user: User | None = None) -> None:
        found = policy.problems(password, common=selectors.common_passwords())
        if found:
            raise ValidationError(
                [
                    ValidationError(policy.problem_words(problem), code=problem.value)
                    for problem in found
                ]
            )

    def get_help_text(self) -> str:
        return policy.rule_words()

    def password_changed(self, password: str, user: User | None = None) -> None:
        """Django calls this after every save with a new password, whatever road it came by."""
        if user is not None:
            services.end_access(user=user)
