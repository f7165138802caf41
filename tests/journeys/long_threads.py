"""Threads that took their people months, made in a moment."""

from django.utils import timezone

from accounts.models import User
from chat.models import Message, Role, Run, Thread


def long_thread(user: User, answers: list[str]) -> str:
    """A thread with these answers, each to a question of its number; gives its id."""
    now = timezone.now()
    thread = Thread.objects.create(user=user, title="A long talk", head=2 * len(answers))
    questions = Message.objects.bulk_create(
        Message(
            thread=thread, user=user, role=Role.USER, text=f"question {number}", seq=2 * number - 1
        )
        for number in range(1, len(answers) + 1)
    )
    runs = Run.objects.bulk_create(
        Run(thread=thread, user=user, question=question, state="completed", ended_at=now)
        for question in questions
    )
    for question, before in zip(questions[1:], runs, strict=False):
        question.after = before
    Message.objects.bulk_update(questions, ["after"], batch_size=500)
    Message.objects.bulk_create(
        Message(thread=thread, user=user, role=Role.ASSISTANT, text=text, seq=2 * number, run=run)
        for number, (run, text) in enumerate(zip(runs, answers, strict=True), start=1)
    )
    Thread.objects.filter(pk=thread.pk).update(tip=runs[-1])
    return thread.public_id
