"""The first wall (Note [Two walls] in tenancy.py): views that live under `/orgs/<slug>/`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, ClassVar, cast

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.http.response import HttpResponseBase
from rest_framework import status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from freshtrack.etags import Versioned
from organizations.idempotency import Repeatable
from organizations.models import FormerSlug, Membership, Organization, Role, User
from organizations.owned import OwnedQuerySet
from organizations.permissions import MayDo
from organizations.tenancy import Origin, acting_as_system, acting_in


def membership_of(user: Any, slug: str) -> Membership | None:
    """The person's current membership in the living organization that has or had this slug. Opens its own transaction.

    The slug of the answer's organization tells whether it was a former one.
    """
    if not user.is_authenticated:
        return None
    with acting_as_system("sign-in"):
        mine = (
            Membership.objects.current()
            .select_related("organization")
            .filter(user=user, organization__deleted_at=None)
            .order_by("pk")
        )
        found = mine.filter(organization__slug=slug).first()
        if found is None:
            found = mine.filter(organization__in=FormerSlug.objects.filter(slug=slug).values("organization")).first()
        return found


def deleted_membership_of(user: Any, slug: str) -> Membership | None:
    """The person's ownership of the deleted organization with this slug. Opens its own transaction."""
    if not user.is_authenticated:
        return None
    with acting_as_system("sign-in"):
        return (
            Membership.objects.current()
            .select_related("organization")
            .filter(user=user, role=Role.OWNER, organization__slug=slug, organization__deleted_at__isnull=False)
            .first()
        )


class Moved(Exception):
    """The organization has another slug now."""

    def __init__(self, *, old: str, new: str) -> None:
        super().__init__(f"{old} is {new} now")
        self.old, self.new = old, new


class OrganizationScoped(Repeatable, Versioned):
    """Finds the organization of the URL among the person's own (else 404) and runs the view inside its transaction.

    `may` maps a method or action name to a line of permissions.TABLE.
    """

    permission_classes = (IsAuthenticated, MayDo)
    may: ClassVar[dict[str, str]] = {}
    _scope: ExitStack
    _in_scope: bool

    @property
    def organization(self) -> Organization:
        """The organization of the URL."""
        return self.membership.organization

    @property
    def person(self) -> User:
        """Who asks."""
        return cast("User", self.request.user)

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """One transaction around the whole answer."""
        with ExitStack() as self._scope:
            self._in_scope = False
            return super().dispatch(request, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Response:
        """An error answer means that nothing was changed; a former slug leads on, whatever the method."""
        if isinstance(exc, Moved):
            path = self.request.get_full_path()
            there = path.replace(f"/orgs/{exc.old}/", f"/orgs/{exc.new}/", 1)
            # Not to be remembered: an organization may go back to an old slug, and two memories would be a loop.
            headers = {"Location": there, "Cache-Control": "no-store"}
            return Response({"slug": exc.new}, status=status.HTTP_308_PERMANENT_REDIRECT, headers=headers)
        if self._in_scope:
            transaction.set_rollback(True)
        return super().handle_exception(exc)

    def find_membership(self, request: Request) -> Membership | None:
        """The person's place in the organization of the URL. Opens its own transaction."""
        return membership_of(request.user, self.kwargs["organization"])

    def perform_authentication(self, request: Request) -> None:
        """Who is it, which organization; then everything else happens inside it."""
        super().perform_authentication(request)
        if not request.user.is_authenticated:
            return  # IsAuthenticated answers 401
        membership = self.find_membership(request)
        if membership is None:
            raise Http404
        if membership.organization.slug != self.kwargs["organization"]:
            raise Moved(old=self.kwargs["organization"], new=membership.organization.slug)
        self.membership = membership
        request.membership = membership  # type: ignore[attr-defined]
        origin = Origin(via="api", address=request.META.get("REMOTE_ADDR") or "")
        self._scope.enter_context(
            acting_in(membership.organization, by=request.user, origin=origin, sites=membership.site_ids)
        )
        self._in_scope = True

    def check_permissions(self, request: Request) -> None:
        """A method that the address doesn't have is refused as that, whatever the role."""
        if request.user.is_authenticated and not hasattr(self, str(request.method).lower()):
            self.http_method_not_allowed(request)
        super().check_permissions(request)

    def get_queryset(self) -> QuerySet[Any]:
        """The view's queryset, of this organization and of the member's sites only."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset().none()
        queryset = super().get_queryset()
        assert isinstance(queryset, OwnedQuerySet), f"{type(self).__name__}.queryset must be of an owned model"  # noqa: S101
        return queryset.for_member(self.membership)

    def get_serializer_context(self) -> dict[str, Any]:
        """Serializers look up related objects among what the member may see."""
        context = dict(super().get_serializer_context())
        if not getattr(self, "swagger_fake_view", False):
            context["organization"] = self.organization
            context["membership"] = self.membership
        return context
