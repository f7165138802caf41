import django.db.models.deletion
from django.db import migrations, models

# Until now a thread was a line: each question followed the run before it, and was named by its own.
BRANCHES = """
UPDATE chat_run SET question_id = question.id FROM chat_message AS question
WHERE question.run_id = chat_run.id AND question.role = 'user' AND chat_run.question_id IS NULL;
UPDATE chat_message SET after_id = (
    SELECT max(run.id) FROM chat_run AS run
    WHERE run.thread_id = chat_message.thread_id AND run.id < chat_message.run_id
) WHERE role = 'user';
UPDATE chat_thread SET tip_id = (
    SELECT max(run.id) FROM chat_run AS run WHERE run.thread_id = chat_thread.id
);
UPDATE chat_message SET run_id = NULL WHERE role = 'user';
"""
# Else the table that was written to could not be altered in the same transaction.
CHECK_NOW = "SET CONSTRAINTS ALL IMMEDIATE"


class Migration(migrations.Migration):
    dependencies = [("chat", "0005_message_words")]

    operations = [
        migrations.AddField(
            model_name="message",
            name="after",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="followers",
                to="chat.run",
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="version_of",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="versions",
                to="chat.message",
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="edited_by",
            field=models.CharField(max_length=64, null=True),
        ),
        migrations.AddField(
            model_name="run",
            name="precedence",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="thread",
            name="tip",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="chat.run",
            ),
        ),
        migrations.RunSQL(BRANCHES, migrations.RunSQL.noop),
        migrations.RunSQL(CHECK_NOW, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="run",
            name="question",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="answers",
                to="chat.message",
            ),
        ),
    ]
