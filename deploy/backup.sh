#!/bin/sh
# One backup: the database first, the files second, so that each row has its file; then the stamp
# that `manage.py doctor` looks at. Needs DATABASE_URL, NETRA_VAR, NETRA_BACKUPS and, for the
# stamp, NETRA_BACKUP_STAMP.
set -eu
umask 077

folder="$NETRA_BACKUPS/$(date -u +%Y-%m-%dT%H%M%SZ)"
mkdir -p "$folder"
pg_dump --dbname="$DATABASE_URL" --format=custom --file="$folder/netra.dump.part"
# A dump that ends in the middle has no table of contents.
pg_restore --list "$folder/netra.dump.part" >/dev/null
mv "$folder/netra.dump.part" "$folder/netra.dump"
[ ! -d "$NETRA_VAR/files" ] || cp -a "$NETRA_VAR/files" "$folder/files"
[ -z "${NETRA_BACKUP_STAMP:-}" ] || touch "$NETRA_BACKUP_STAMP"
