"""What `manage.py doctor` looks at: a deployment as it stands, and what to do about it."""
