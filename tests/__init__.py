"""Tests mirror the apps; flows, tenancy and browser walk through several."""
