"""Customers, people, memberships, keys, legal holds, the change log and failed jobs for staff."""

from organizations.admin import credentials, customers, holds, jobs, record

__all__ = ["credentials", "customers", "holds", "jobs", "record"]
