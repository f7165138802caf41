"""Uploads in a bucket: the same doors, with another store behind them."""

from collections.abc import Iterator

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from chat import uploads
from chat.models import File
from tests.chat.test_uploads import read
from tests.fakes.bucket_server import Bucket, bucket_server

pytestmark = pytest.mark.django_db
CSV = b"model,cost_usd\ngpt-4o,1.50\n"


@pytest.fixture
def bucket(settings: Settings) -> Iterator[Bucket]:
    with bucket_server("key-1") as served:
        options = {
            "bucket_name": "files",
            "endpoint_url": served.url,
            "addressing_style": "path",
            "region_name": "eu-central-1",
            "access_key": "key-1",
            "secret_key": "quite secret",
            "signature_version": "s3v4",
        }
        store = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
        settings.STORAGES = settings.STORAGES | {"default": store}
        yield served


def test_a_file_lies_in_the_bucket_is_served_by_us_and_goes_with_its_row(
    bucket: Bucket, client: Client, user: User
) -> None:
    file = uploads.store_file(user=user, name="usage.csv", content=ContentFile(CSV))
    [(path, held)] = bucket.held.items()
    assert path.startswith("/files/")
    assert (path.endswith(".csv"), held) == (True, CSV)

    client.force_login(user)
    answer = client.get(f"/api/files/{file.public_id}/content")
    assert read(answer) == CSV
    assert "attachment" in answer.headers["Content-Disposition"]

    uploads.remove_files(File.objects.filter(pk=file.pk))
    assert (bucket.held, File.objects.count()) == ({}, 0)


def test_a_store_that_refuses_leaves_no_row_behind(bucket: Bucket, user: User) -> None:
    bucket.key_id = "another"
    with pytest.raises(Exception, match="AccessDenied"):
        uploads.store_file(user=user, name="usage.csv", content=ContentFile(CSV))
    assert File.objects.count() == 0
