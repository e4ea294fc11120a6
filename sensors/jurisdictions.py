"""Whose law applies at a site. What each of them says of a kind of unit is known above (alerts/profiles/laws.toml)."""

from __future__ import annotations

from django.db import models


class Jurisdiction(models.TextChoices):
    US_FOOD_CODE = "us_food_code", "FDA Food Code (United States)"
    MARYLAND = "maryland", "Maryland"
    UK = "uk", "United Kingdom"
    EU = "eu", "European Union"
    AU_NZ = "au_nz", "Australia and New Zealand"
