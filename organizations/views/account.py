"""The own account."""

from __future__ import annotations

from typing import cast

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from organizations.models import User
from organizations.serializers.account import MeSerializer
from organizations.tenancy import acting_as_system


class Me(APIView):
    """Who am I, and where may I go?"""

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """The signed-in person with memberships."""
        with acting_as_system("own account", by=cast("User", request.user)):
            return Response(MeSerializer(cast("User", request.user)).data)
