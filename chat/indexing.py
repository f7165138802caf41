"""What of messages and threads is searched: one expression for the index and for every query."""

from typing import Final

from django.contrib.postgres.search import SearchVector
from django.db.models.functions import Left

# PostgreSQL refuses a text with more than 1 MiB of words, and the whole INSERT with it.
INDEXED_CHARS_MAX: Final = 20_000

# Without stemming: people write to agents in every language, and half of it is code.
MESSAGE_WORDS: Final = SearchVector(Left("text", INDEXED_CHARS_MAX), config="simple")
TITLE_WORDS: Final = SearchVector("title", config="simple")
