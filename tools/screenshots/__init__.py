"""Pictures of every page in every state, made by `make screenshots` for people to look at."""
