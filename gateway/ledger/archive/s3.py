"""A bucket of an S3-compatible store, through botocore. Memory holds one part of an upload, whatever the file's size.

API: Amazon S3 API reference, "CreateMultipartUpload", "GetObject" (Range), "ListMultipartUploads".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gateway.ledger.archive.stores import Place, Ranges, Sink

PART_BYTES = 16 * 1024 * 1024
"""10,000 parts are allowed, so a file may have 160 GB."""
_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})


class BucketStore:
    """Keys below `prefix` of one bucket."""

    def __init__(self, place: Place, *, bucket: str, prefix: str) -> None:
        self.name = f"s3://{bucket}/{prefix}".rstrip("/")
        self._bucket, self._prefix = bucket, prefix
        self._sealed: dict[str, str] = {}
        if place.encryption:
            self._sealed["ServerSideEncryption"] = place.encryption
        if place.encryption_key:
            self._sealed["SSEKMSKeyId"] = place.encryption_key
        self._client = botocore.session.get_session().create_client(
            "s3", endpoint_url=place.endpoint or None, region_name=place.region or None,
            aws_access_key_id=place.access_key or None, aws_secret_access_key=place.secret_key or None,
            config=Config(
                s3={"addressing_style": "path" if place.endpoint else "auto"}, connect_timeout=5, read_timeout=60,
                retries={"mode": "standard", "max_attempts": 3},
            ),
        )  # fmt: skip

    @contextmanager
    def writing(self, key: str) -> Iterator[Sink]:
        upload = _Upload(self._client, {"Bucket": self._bucket, "Key": self._at(key)}, self._sealed)
        with _told(f"{self.name}/{key}"):
            try:
                yield upload
                upload.finish()
            except BaseException:
                upload.abandon()
                raise

    def read(self, key: str) -> bytes | None:
        try:
            with _told(f"{self.name}/{key}"):
                found = self._client.get_object(Bucket=self._bucket, Key=self._at(key))
                return cast(bytes, found["Body"].read())
        except FileNotFoundError:
            return None

    def open(self, key: str) -> IO[bytes]:
        with _told(f"{self.name}/{key}"):
            size = self._client.head_object(Bucket=self._bucket, Key=self._at(key))["ContentLength"]
        return cast(IO[bytes], _Object(self._client, self._bucket, self._at(key), size))

    def delete(self, key: str) -> None:
        with _told(f"{self.name}/{key}"):
            self._client.delete_object(Bucket=self._bucket, Key=self._at(key))

    def keys(self, prefix: str) -> list[str]:
        whole, found = self._at(f"{prefix}/"), []
        with _told(f"{self.name}/{prefix}"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=whole):
                found += [one["Key"].removeprefix(whole) for one in page.get("Contents", [])]
        return [f"{prefix}/{name}" for name in sorted(found)]

    def sweep(self, prefix: str) -> int:
        where = {"Bucket": self._bucket}
        with _told(f"{self.name}/{prefix}"):
            begun = self._client.list_multipart_uploads(**where, Prefix=self._at(prefix)).get("Uploads", [])
            for upload in begun:
                self._client.abort_multipart_upload(**where, Key=upload["Key"], UploadId=upload["UploadId"])
        return len(begun)

    def _at(self, key: str) -> str:
        return f"{self._prefix}/{key}".lstrip("/")


class _Upload:
    """Bytes into parts; a file that fits into one part is put at once."""

    def __init__(self, client: Any, target: dict[str, str], sealed: dict[str, str]) -> None:
        self._client, self._target, self._sealed = client, target, sealed
        self._waiting = bytearray()
        self._id = ""
        self._parts: list[dict[str, Any]] = []

    def write(self, data: bytes) -> int:
        self._waiting += data
        while len(self._waiting) >= PART_BYTES:
            self._send(PART_BYTES)
        return len(data)

    def _send(self, size: int) -> None:
        if not self._id:
            self._id = self._client.create_multipart_upload(**self._target, **self._sealed)["UploadId"]
        number, body = len(self._parts) + 1, bytes(self._waiting[:size])
        done = self._client.upload_part(**self._target, UploadId=self._id, PartNumber=number, Body=body)
        self._parts.append({"PartNumber": number, "ETag": done["ETag"]})
        del self._waiting[:size]

    def finish(self) -> None:
        if not self._id:
            self._client.put_object(**self._target, **self._sealed, Body=bytes(self._waiting))
            return
        if self._waiting:
            self._send(len(self._waiting))
        parts = {"Parts": self._parts}
        self._client.complete_multipart_upload(**self._target, UploadId=self._id, MultipartUpload=parts)

    def abandon(self) -> None:
        if self._id:
            self._client.abort_multipart_upload(**self._target, UploadId=self._id)


class _Object(Ranges):
    """One object, each read a request of its own."""

    def __init__(self, client: Any, bucket: str, key: str, size: int) -> None:
        super().__init__(size)
        self._client, self._bucket, self._key = client, bucket, key

    def read_range(self, start: int, end: int) -> bytes:
        with _told(f"{self._bucket}/{self._key}"):
            found = self._client.get_object(Bucket=self._bucket, Key=self._key, Range=f"bytes={start}-{end - 1}")
            return cast(bytes, found["Body"].read())


@contextmanager
def _told(what: str) -> Iterator[None]:
    """What botocore raises as an OSError, `FileNotFoundError` for what is not there."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        raise (FileNotFoundError if code in _ABSENT else OSError)(f"{what}: {error}") from error
    except BotoCoreError as error:
        raise OSError(f"{what}: {error}") from error
