"""Customers, people, memberships, keys and the change log for staff."""

from organizations.admin import credentials, customers, record

__all__ = ["credentials", "customers", "record"]
