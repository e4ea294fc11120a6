"""Who: people, organizations, their memberships and keys, and the record of every change."""

from __future__ import annotations

from typing import Any, ClassVar, Self

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

    objects = OrganizationQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.slug})"


class Role(models.TextChoices):
    """What a member may do; organizations/permissions.py says what each means."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Administrator"
    MANAGER = "manager", "Manager"
    STAFF = "staff", "Staff"
    VIEWER = "viewer", "Viewer"


class MembershipQuerySet(OwnedQuerySet["Membership"]):
    def current(self) -> Self:
        """Those that haven't ended."""
        return self.filter(ended_at=None)


class Membership(OwnedModel):
    """A person's place in an organization. It ends instead of being deleted: the record must still name who acted."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)
    created_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "user"], condition=Q(ended_at=None), name="membership_once_at_a_time"
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.organization_id} as {self.role}"


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


class AccessToken(models.Model):
    """A personal access token: the API on behalf of a person, in all of the person's organizations."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="access_tokens")
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=16)
    hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def is_usable(self, *, at: Any) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > at)


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
        indexes = [models.Index(F("organization"), F("transaction"), F("id"), name="change_by_cursor")]

    def __str__(self) -> str:
        return f"{self.action} {self.entity} {self.entity_id} ({self.id})"


class Beat(models.Model):
    """The last sign of life of a background process, so that /health/ready can tell that it stopped."""

    name = models.CharField(primary_key=True, max_length=32)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"
