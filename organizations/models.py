"""Who: people, organizations, their memberships and keys, and the record of every change."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Self

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Lower
from django.utils.timezone import now
from uuid_utils.compat import uuid7

from organizations.owned import OwnedModel, OwnedQuerySet


class UserManager(BaseUserManager["User"]):
    """People sign in with their e-mail address, compared without case."""

    def get_by_natural_key(self, username: str | None) -> User:
        """The user with this address, whatever its case."""
        return self.get(email__iexact=username)

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Store a person. Without password nobody can sign in with one."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A member of staff who may do everything in the admin (`manage.py createsuperuser`)."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person: a customer's member, one of our staff, or both. Not owned: one may belong to several customers."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    language = models.CharField(max_length=8, default="en")
    temperature_unit = models.CharField(
        max_length=1,
        choices=[("c", "°C"), ("f", "°F")],
        default="c",
        db_default="c",
        help_text="How temperatures are written to this person; stored they are in °C.",
    )
    is_staff = models.BooleanField(default=False, help_text="May open /admin/.")
    is_active = models.BooleanField(default=True, help_text="Switch off instead of deleting.")
    date_joined = models.DateTimeField(default=now)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            # Two accounts that differ only in case would be one person with two passwords.
            models.UniqueConstraint(Lower("email"), name="user_email_ignoring_case"),
        ]

    def __str__(self) -> str:
        return self.email

    def get_full_name(self) -> str:
        """The name, or the address of somebody who gave none."""
        return self.name or self.email


class OrganizationQuerySet(models.QuerySet["Organization"]):
    def alive(self) -> Self:
        """Those that weren't deleted."""
        return self.filter(deleted_at=None)

    def of_member(self, user: Any) -> Self:
        """Living organizations that the person is a member of now. Nobody's for an anonymous user."""
        if user.pk is None:
            return self.none()
        return self.alive().filter(memberships__user=user, memberships__ended_at=None)


class Organization(models.Model):
    """A customer. Every row of customer data belongs to one; this one belongs to itself."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # A short key for the readings table: an int4 instead of a UUID saves 12 bytes in each of billions of rows.
    number = models.IntegerField(
        unique=True,
        editable=False,
        db_default=Func(Value("organizations_organization_number"), function="nextval"),
    )
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    email = models.EmailField(blank=True, help_text="Where invoices go.")
    time_zone = models.CharField(max_length=64, default="UTC")
    created_at = models.DateTimeField(default=now)
    deleted_at = models.DateTimeField(null=True, blank=True)
    # What is shown and what is kept are two things: a smaller plan hides old readings, it never deletes any.
    history_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="How far back readings are shown; empty: everything. By plan."
    )
    keep_years = models.PositiveSmallIntegerField(
        db_default=3, help_text="How long readings are kept. By the law that applies; at least 3 years."
    )
    acknowledgement_minutes = models.PositiveIntegerField(
        db_default=240,
        default=240,
        help_text="An acknowledged alert that lasts longer than this is open again; 0: never.",
    )

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            # Covers every food law we know of; medicine asks for more (docs/retention.md).
            models.CheckConstraint(condition=Q(keep_years__gte=3), name="organization_keeps_three_years"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.slug})"


class LegalHold(OwnedModel):
    """While it stands, nothing of the organization is deleted: an inspection, a recall, a lawsuit."""

    reason = models.TextField(max_length=2000)
    placed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    placed_at = models.DateTimeField(default=now)
    lifted_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    lifted_at = models.DateTimeField(null=True, blank=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["organization", "-placed_at", "-id"], name="legal_hold_list")]

    def __str__(self) -> str:
        return f"legal hold of {self.organization_id} ({self.pk})"


class FormerSlug(OwnedModel):
    """A name that an organization has or had in addresses: old links lead on, and nobody else may take it."""

    slug = models.SlugField(max_length=60, unique=True)
    created_at = models.DateTimeField(default=now)

    objects = OwnedQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.slug} of {self.organization_id}"


class Role(models.TextChoices):
    """What a member may do; organizations/permissions.py says what each means."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Administrator"
    MANAGER = "manager", "Manager"
    STAFF = "staff", "Staff"
    VIEWER = "viewer", "Viewer"


# Owners and administrators look after the whole organization; only the others can be restricted to some sites.
RESTRICTABLE: Final = (Role.MANAGER.value, Role.STAFF.value, Role.VIEWER.value)


class MembershipQuerySet(OwnedQuerySet["Membership"]):
    def current(self) -> Self:
        """Those that haven't ended."""
        return self.filter(ended_at=None)

    def for_member(self, membership: Membership) -> Self:
        """Everybody; for somebody who is restricted to some sites those who may see one of them."""
        queryset = self.for_organization(membership.organization)
        if membership.site_ids is None:
            return queryset
        return queryset.filter(Q(site_ids=None) | Q(site_ids__overlap=membership.site_ids))


class Membership(OwnedModel):
    """A person's place in an organization. It ends instead of being deleted: the record must still name who acted."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)
    # An array, not rows: sites live in a room above this one, and each request reads it with the membership.
    site_ids = ArrayField(
        models.UUIDField(), null=True, blank=True, help_text="The sites that the member may see; null: all of them."
    )
    created_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "user"], condition=Q(ended_at=None), name="membership_once_at_a_time"
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
            models.CheckConstraint(
                condition=Q(site_ids=None) | (Q(role__in=RESTRICTABLE) & Q(site_ids__len__gt=0)),
                name="membership_restricted_below_admin",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.organization_id} as {self.role}"


class InvitationQuerySet(OwnedQuerySet["Invitation"]):
    def pending(self, *, at: Any) -> Self:
        """Those that can still be accepted."""
        return self.filter(accepted_at=None, revoked_at=None, expires_at__gt=at)


class Invitation(OwnedModel):
    """An offer of membership to one e-mail address: expires, and can be accepted once."""

    email = models.EmailField()
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)
    site_ids = ArrayField(models.UUIDField(), null=True, blank=True, help_text="As of a membership.")
    # The link's token is stored like a key: who reads the database can't accept with it.
    hash = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            # A second invitation of the same address replaces the first instead of leaving two open doors.
            models.UniqueConstraint(
                F("organization"),
                Lower("email"),
                condition=Q(accepted_at=None, revoked_at=None),
                name="invitation_once_per_address",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="invitation_role_known"),
            models.CheckConstraint(
                condition=Q(site_ids=None) | (Q(role__in=RESTRICTABLE) & Q(site_ids__len__gt=0)),
                name="invitation_restricted_below_admin",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at=None) | Q(revoked_at=None), name="invitation_accepted_or_revoked"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} as {self.role} ({self.pk})"


class SecretQuerySet(OwnedQuerySet["Any"]):
    def usable(self, *, at: Any) -> Self:
        """Neither revoked nor expired."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=at), revoked_at=None)


class ApiKey(OwnedModel):
    """What a gateway posts with. The secret is shown once; only its hash is stored."""

    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=16, help_text="The first characters, to recognise the key by.")
    # SHA-256 is enough: the secret has 256 random bits, so there is nothing to guess or to slow down.
    hash = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=32), default=list)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = SecretQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def is_usable(self, *, at: Any) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > at)


class TokenScope(models.TextChoices):
    """What a personal access token may do, within what its person may."""

    READ = "read", "Read"
    WRITE = "write", "Change"


class AccessToken(models.Model):
    """A personal access token: the API on behalf of a person, in all of the person's organizations."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="access_tokens")
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=16)
    hash = models.CharField(max_length=64, unique=True, editable=False)
    # By default a token may do what its person may. The default stands in the database for the release before.
    scopes = ArrayField(
        models.CharField(max_length=32),
        db_default=Value(["read", "write"], output_field=ArrayField(models.CharField(max_length=32))),
    )
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def is_usable(self, *, at: Any) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > at)


class ExternalIdentity(models.Model):
    """Somebody as another identity provider knows them: its bearer tokens are accepted (OIDC_ISSUERS)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="external_identities")
    issuer = models.CharField(max_length=300)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(default=now)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="external_identity_once")]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"


class IdempotentAnswer(OwnedModel):
    """What a POST with an Idempotency-Key was answered, so that a repeat gets the same answer and causes nothing."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    # Of method, address and body: another request under the same key is a mistake of the client.
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(default=now)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "user", "key"], name="idempotency_key_once"),
        ]
        # organizations.forget_answers asks for the old ones.
        indexes = [models.Index(fields=["created_at"], name="idempotent_answer_age")]

    def __str__(self) -> str:
        return f"{self.key} of {self.user_id}"


class SecurityEvent(OwnedModel):
    """Something that was tried and refused, or done to an account: it tells its story in the audit trail."""

    kind = models.CharField(max_length=48, help_text="For example invitation_reused.")
    detail = models.CharField(max_length=300, blank=True)
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now)

    objects = OwnedQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.kind} ({self.pk})"


class Change(models.Model):
    """One change of a customer-visible row, written by a trigger and by nothing else (design: change log).

    The audit trail and the catch-up cursor in one. Partitioned by month; no role of the application may write it.
    """

    # The table's key is (at, id); Django only needs to know the unique part.
    id = models.BigIntegerField(primary_key=True)
    # The writing transaction: a reader's cursor goes by (transaction, id) below the oldest one still running,
    # so a change that commits late is never skipped.
    transaction = models.BigIntegerField()
    organization = models.ForeignKey(
        Organization, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    site_id = models.UUIDField(null=True)
    entity = models.CharField(max_length=48)
    entity_id = models.CharField(max_length=64)
    action = models.CharField(max_length=8)
    changes = models.JSONField()
    actor_id = models.UUIDField(null=True)
    via = models.CharField(max_length=32)
    address = models.CharField(max_length=64)
    request_id = models.CharField(max_length=64)
    at = models.DateTimeField()

    objects = OwnedQuerySet.as_manager()

    class Meta:
        managed = True
        indexes = [
            models.Index(F("organization"), F("transaction"), F("id"), name="change_by_cursor"),
            # "What changed since, whoever's it is?", asked by caches with every batch of readings.
            models.Index(F("transaction"), name="change_by_transaction"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.entity} {self.entity_id} ({self.id})"


class Beat(models.Model):
    """The last sign of life of a background process, so that /health/ready can tell that it stopped."""

    name = models.CharField(primary_key=True, max_length=32)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"


class FailedJob(models.Model):
    """A task that ended with an error: what it was asked, why it failed, and whether it was tried again. For staff."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    task = models.CharField(max_length=200)
    task_id = models.CharField(max_length=64, unique=True)
    queue = models.CharField(max_length=32, blank=True)
    # Not a foreign key: the organization may be gone, and the trace is the house's own.
    organization_id = models.UUIDField(null=True, blank=True)
    args = models.JSONField(default=list)
    kwargs = models.JSONField(default=dict)
    error = models.CharField(max_length=1000)
    traceback = models.TextField(blank=True)
    failed_at = models.DateTimeField(default=now)
    retried_at = models.DateTimeField(null=True, blank=True)
    retried_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["-failed_at"], name="failed_job_list")]

    def __str__(self) -> str:
        return f"{self.task} at {self.failed_at:%Y-%m-%d %H:%M:%S}: {self.error}"
