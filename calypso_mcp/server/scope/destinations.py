"""Where an upload goes: a bucket in scope, or one to be made."""

from __future__ import annotations

from dataclasses import dataclass, replace

from calypso_mcp.api.buckets import CreateBucket
from calypso_mcp.api.connection import Extension
from calypso_mcp.domain.limits import BUCKET_NAME_CHARS
from calypso_mcp.domain.slugs import slug_for
from calypso_mcp.domain.uploads.declaration import Destination, IfExists
from calypso_mcp.errors import ApiError, CalypsoError, Conflict, InputError, ScopeError
from calypso_mcp.server.scope import rules
from calypso_mcp.server.scope.agents import describe_new_bucket
from calypso_mcp.server.scope.request_scope import Access
from calypso_mcp.server.scope.scoped_lookup import is_id

#: Forbidden for this key, or unknown to this server.
_NO_SUCH_WAY = frozenset({403, 404, 405})


@dataclass(frozen=True, slots=True)
class Target:
    """The bucket an upload goes to; `bucket_id` is None for one that is to be made, under `name`.

    `created` describes, for the result, a bucket that this call has made.
    """

    slug: str
    bucket_id: str | None = None
    name: str | None = None
    created: str | None = None

    @property
    def destination(self) -> Destination:
        """The destination, as the API takes it."""
        if self.bucket_id is not None:
            return Destination(bucket_ids=(self.bucket_id,))
        return Destination(bucket=self.slug, create_missing_buckets=True)


async def find_target(access: Access, reference: str, *, create: bool) -> Target:
    """Return the bucket meant by `reference`; if it is empty, the only one in scope.

    With `create`, a missing bucket is one to be made: its slug comes from the reference, which is its name.

    Raises:
        InputError: None is named and there is not exactly one, or a new one cannot have such a name.
        ScopeError: It is not in scope, or may not be created; the same error in both cases.
    """
    if create and reference.strip():
        reference = reference.strip()
        slug = slug_for(reference, "bucket")
        for fresh in (False, True):
            buckets = await access.buckets(fresh=fresh)
            found = rules.find_bucket(reference, buckets) or rules.find_bucket(slug, buckets)
            if found is not None:
                return Target(found.slug, found.id)
        access.require_create(slug)
        if len(reference) > BUCKET_NAME_CHARS or is_id(reference):
            raise InputError(
                "To create a bucket, give a name, not an id."
                if is_id(reference)
                else f"The name of a bucket may have {BUCKET_NAME_CHARS} characters.",
                code="invalid_name",
                hint="Use a name such as 'Support handbook', or a bucket from list_buckets.",
            )
        return Target(slug, name=reference)
    try:
        bucket = await access.target_bucket(reference)
    except ScopeError as missing:
        if access.may_create(slug_for(reference, "bucket")):
            missing.hint = f"{missing.hint} Or make it with create_bucket.".lstrip()
        raise
    return Target(bucket.slug, bucket.id)


async def find_version_rule(access: Access, if_exists: IfExists) -> IfExists | None:
    """Return the rule about earlier versions for the backend; None if it has none.

    Raises:
        InputError: Only a backend that lists its sources can leave out what it holds.
        CalypsoError: The backend could not be asked what it can do.
    """
    if await access.backend.can(Extension.REPLACE):
        return if_exists
    if if_exists == "skip":
        raise InputError(
            "This backend does not report which names a bucket holds, so if_exists=skip is not possible.",
            code="not_supported",
            hint="Leave if_exists out: the same content is not stored twice, and other content is added.",
        )
    return None


async def create_missing(access: Access, target: Target) -> Target:
    """Create the bucket of `target` if it does not exist yet, and return the target with it.

    It is created before the upload rather than by it, so that the first upload and its repetition name the
    same destination and the second is recognised. Where the key may not create buckets this way, the
    upload's own way remains (seed: `create_missing_buckets`).

    Raises:
        ScopeError: Somebody else has this slug, out of reach.
        CalypsoError: The API failed.
    """
    if target.bucket_id is not None:
        return target
    body = CreateBucket(name=target.name or target.slug, slug=target.slug)
    try:
        bucket = await access.client.buckets.create(body)
    except Conflict:
        access.backend.catalogue.forget()
        bucket = await access.require_bucket(target.slug)
        return Target(bucket.slug, bucket.id)
    except ApiError as refusal:
        if refusal.status not in _NO_SUCH_WAY:
            raise
        return target
    access.backend.catalogue.forget()
    created = await describe_new_bucket(access, bucket.slug, bucket.id)
    return Target(bucket.slug, bucket.id, created=created)


async def note_created(access: Access, target: Target) -> Target:
    """Return `target` with the bucket that its upload has created, where `create_missing` could not.

    What is remembered of the buckets is dropped: it lacks what was uploaded.
    """
    access.backend.catalogue.forget()
    if target.bucket_id is not None:
        return target
    try:
        found = rules.find_bucket(target.slug, await access.buckets())
    except CalypsoError:
        found = None  # no reason to fail the upload, which is done
    created = await describe_new_bucket(access, target.slug, found.id) if found else target.slug
    return replace(target, created=created)
