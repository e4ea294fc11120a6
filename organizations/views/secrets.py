"""What programs sign in with: an organization's API keys, and a person's own access tokens."""

from __future__ import annotations

from typing import Any, ClassVar, cast
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics, mixins, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from organizations import secrets
from organizations.authentication import Access
from organizations.models import AccessToken, ApiKey, TokenScope, User
from organizations.scoped_views import OrganizationScoped
from organizations.serializers.secrets import (
    AccessTokenSerializer,
    ApiKeySerializer,
    MakingAccessTokenSerializer,
    MakingApiKeySerializer,
    NewAccessTokenSerializer,
    NewApiKeySerializer,
)
from organizations.tenancy import Origin, acting_as_system


class RevokedFilter(filters.FilterSet):
    """`?revoked=true|false`."""

    revoked = filters.BooleanFilter(field_name="revoked_at", lookup_expr="isnull", exclude=True)


class ApiKeys(
    OrganizationScoped,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[ApiKey],
):
    """What gateways post with, newest first. Revoked ones stay in the list: who used what until when is on record."""

    may = {
        "list": "keys.view",
        "retrieve": "keys.view",
        "create": "keys.change",
        "destroy": "keys.change",
    }
    # The answer to POST holds the secret.
    stores_answers: ClassVar[bool] = False
    volatile = frozenset({"last_used_at"})
    queryset = ApiKey.objects.select_related("created_by").order_by("-pk")
    serializer_class = ApiKeySerializer
    filterset_class = RevokedFilter
    http_method_names = ["get", "post", "delete", "head", "options"]

    @extend_schema(request=MakingApiKeySerializer, responses={201: NewApiKeySerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A new key. Its secret is in this answer and nowhere else."""
        wanted = MakingApiKeySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        terms = {"scopes": ["ingest"], **wanted.validated_data}
        key, secret = secrets.issue_key(organization=self.organization, by=self.person, at=timezone.now(), **terms)
        key.key = secret  # type: ignore[attr-defined]
        shown = NewApiKeySerializer(key, context=self.get_serializer_context())
        return Response(shown.data, status=status.HTTP_201_CREATED, headers=UNKEPT)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Revoke it: refused everywhere within seconds, for good."""
        secrets.revoke(secret=self.get_object(), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


# No proxy and no browser keeps an answer with a secret in it.
UNKEPT = {"Cache-Control": "no-store"}


def _origin(request: Request) -> Origin:
    return Origin(via="api", address=request.META.get("REMOTE_ADDR") or "")


class AccessTokens(generics.ListAPIView[AccessToken]):
    """The person's own tokens, newest first, revoked ones included."""

    stores_answers: ClassVar[bool] = False
    serializer_class = AccessTokenSerializer
    queryset = AccessToken.objects.order_by("-pk")
    filterset_class = RevokedFilter

    def get_queryset(self) -> QuerySet[AccessToken]:
        """Nobody else's."""
        if getattr(self, "swagger_fake_view", False):
            return AccessToken.objects.none()
        return super().get_queryset().filter(user=cast("User", self.request.user))

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One page."""
        with acting_as_system("own account", by=cast("User", request.user)):
            return super().list(request, *args, **kwargs)

    @extend_schema(request=MakingAccessTokenSerializer, responses={201: NewAccessTokenSerializer})
    def post(self, request: Request) -> Response:
        """A new token. Its secret is in this answer and nowhere else."""
        wanted = MakingAccessTokenSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        user = cast("User", request.user)
        made_with = request.auth.token if isinstance(request.auth, Access) else None
        terms = {"scopes": TokenScope.values, **wanted.validated_data}
        with acting_as_system("own account", by=user, origin=_origin(request)):
            token, secret = secrets.issue_token(user=user, at=timezone.now(), made_with=made_with, **terms)
        token.token = secret  # type: ignore[attr-defined]
        return Response(NewAccessTokenSerializer(token).data, status=status.HTTP_201_CREATED, headers=UNKEPT)


class OneAccessToken(APIView):
    """One of the person's own tokens."""

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, token: UUID) -> Response:
        """Revoke it: refused everywhere within seconds, for good. Open screens that use it are closed."""
        user = cast("User", request.user)
        with acting_as_system("own account", by=user, origin=_origin(request)):
            row = AccessToken.objects.filter(user=user, pk=token).first()
            if row is None:
                raise Http404
            secrets.revoke(secret=row, at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
