"""Customers, people, memberships, keys, legal holds and the change log for staff."""

from organizations.admin import credentials, customers, holds, record

__all__ = ["credentials", "customers", "holds", "record"]
