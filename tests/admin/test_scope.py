"""The staff's window in the wall: open for a page of staff, shut before and after, and every change signed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from organizations.models import Change, Membership, Organization, Role, User
from sensors.models import Site
from tests.admin.conftest import Customer, page, text_of
from tests.factories import PASSWORD, MembershipFactory, SiteFactory, UserFactory, as_system, fresh

pytestmark = pytest.mark.django_db


def test_staff_sign_in_with_address_and_password(client: Client, staff: User) -> None:
    refused = client.post("/admin/login/?next=/admin/", {"username": staff.email, "password": "wrong"})
    assert refused.status_code == 200
    assert "Please enter the correct email" in text_of(refused)
    entered = client.post("/admin/login/?next=/admin/", {"username": staff.email.upper(), "password": PASSWORD})
    assert (entered.status_code, entered["Location"]) == (302, "/admin/")
    assert client.get("/admin/").status_code == 200
    assert client.post("/admin/logout/").status_code in (200, 302)
    assert client.get("/admin/").status_code == 302


def test_a_customer_can_not_sign_in_here(client: Client, customer: Customer) -> None:
    refused = client.post("/admin/login/?next=/admin/", {"username": customer.person.email, "password": PASSWORD})
    assert refused.status_code == 200
    assert "_auth_user_id" not in client.session


def test_the_address_works_without_its_slash(client: Client) -> None:
    assert client.get("/admin")["Location"] == "/admin/"


def test_the_window_is_shut_again_after_the_page(office: Client, customer: Customer) -> None:
    assert customer.site.name in text_of(office.get(page(Site)))
    assert Site.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_what_staff_change_is_committed_and_logged_under_their_name(
    office: Client, staff: User, customer: Customer
) -> None:
    site = customer.site
    data = {"name": "Harbour", "timezone": "Europe/Berlin", "kind": site.kind, "address": ""}
    response = office.post(page(Site, "change", site.pk), data, REMOTE_ADDR="192.0.2.7")
    assert response.status_code == 302, text_of(response)
    with as_system():
        change = Change.objects.filter(entity="site", entity_id=str(site.pk)).latest("id")
    assert (change.actor_id, change.via, change.address) == (staff.pk, "admin", "192.0.2.7")
    assert change.action == "update"
    assert change.organization_id == customer.organization.pk
    assert change.changes["name"] == {"before": site.name, "after": "Harbour"}
    said = text_of(office.get(page(Site, "history", site.pk), follow=True))
    assert staff.email in said
    assert "Harbour" in said


def asked(staff: User) -> HttpRequest:
    request = RequestFactory().get("/admin/")
    request.user = staff
    return request


def test_a_page_that_fails_leaves_nothing_behind(staff: User, customer: Customer) -> None:
    organization = customer.organization

    def breaks(request: HttpRequest) -> HttpResponse:
        Site.objects.create(organization=organization, name="Half done")
        raise ValueError("a bug")

    def refuses(request: HttpRequest) -> HttpResponse:
        Site.objects.create(organization=organization, name="Half done")
        return HttpResponse(status=400)

    def works(request: HttpRequest) -> HttpResponse:
        Site.objects.create(organization=organization, name="Done")
        return HttpResponse()

    with pytest.raises(ValueError, match="a bug"):
        admin.site.admin_view(breaks)(asked(staff))
    assert admin.site.admin_view(refuses)(asked(staff)).status_code == 400
    assert admin.site.admin_view(works)(asked(staff)).status_code == 200
    with as_system():
        assert set(Site.objects.values_list("name", flat=True)) == {customer.site.name, "Done"}


def test_a_lazy_answer_is_rendered_inside_the_window(staff: User, customer: Customer) -> None:
    def lazy(request: HttpRequest) -> TemplateResponse:
        return TemplateResponse(request, "admin/refusal.html", {"words": Site.objects.values_list("name", flat=True)})

    assert customer.site.name in text_of(admin.site.admin_view(lazy)(asked(staff)))


def test_what_is_missing_or_not_allowed_is_a_page_in_words(office: Client, staff: User) -> None:
    missing = office.get("/admin/nothing/")
    assert missing.status_code == 404
    assert "There is nothing at this address." in text_of(missing)
    with as_system():
        User.objects.filter(pk=staff.pk).update(is_superuser=False)
    refused = office.get(page(Site))
    assert refused.status_code == 403
    assert "Your account doesn&#x27;t have this permission." in text_of(refused)
    overview = text_of(office.get("/admin/"))
    assert page(Site) not in overview
    assert "Newest open alerts" not in overview


def permitted(*names: str) -> Client:
    user = UserFactory(is_staff=True)
    with as_system():
        user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    return client


def test_staff_see_what_their_permissions_say(customer: Customer) -> None:
    client = permitted("view_site")
    assert customer.site.name in text_of(client.get(page(Site)))
    assert client.post(page(Site, "change", customer.site.pk), {"name": "Mine"}).status_code == 403
    assert page(Membership) not in text_of(client.get("/admin/"))
    assert fresh(customer.site).name == customer.site.name


def test_only_a_superuser_touches_the_accounts_and_rights_of_staff(staff: User, customer: Customer) -> None:
    client = permitted("view_user", "change_user", "add_user")
    person = {"name": "Renamed", "time_zone": "UTC", "language": "en", "is_active": "on", "is_superuser": "on"}
    assert client.post(page(User, "change", staff.pk), person).status_code == 403
    assert client.get(f"/admin/organizations/user/{staff.pk}/password/").status_code == 403
    assert client.post(page(User, "change", customer.person.pk), person).status_code == 302
    changed = fresh(customer.person)
    assert (changed.name, changed.is_superuser, changed.is_staff) == ("Renamed", False, False)


def test_the_overview_counts(office: Client, customer: Customer) -> None:
    SiteFactory()
    said = text_of(office.get("/admin/"))
    figures: dict[str, Any] = {figure.title: figure.value for figure in office.get("/admin/").context["figures"]}
    assert figures["Organizations"] == 2
    assert (figures["Sensors online"], figures["Sensors offline"]) == (0, 1)
    assert (figures["Critical alerts"], figures["Warning alerts"]) == (0, 1)
    assert (figures["Messages waiting"], figures["Messages dead"]) == (0, 1)
    assert figures["Background work"] == "never ran"
    assert "550 no such user" in said


def test_search_finds_customers_people_and_sensors(office: Client, customer: Customer) -> None:
    for term, found in (
        (customer.organization.slug, customer.organization.name),
        (customer.person.email, customer.person.name),
        (customer.sensor.serial, f"{customer.sensor.serial}/0"),
    ):
        assert found in text_of(office.get("/admin/search/", {"s": term, "extended": "1"}))


def test_a_role_that_staff_give_is_logged(office: Client, staff: User, customer: Customer) -> None:
    MembershipFactory(organization=customer.organization)
    response = office.post(page(Membership, "change", customer.membership.pk), {"role": Role.VIEWER})
    assert response.status_code == 302, text_of(response)
    with as_system():
        change = Change.objects.filter(entity="membership").latest("id")
    assert (change.actor_id, change.changes["role"]) == (staff.pk, {"before": "owner", "after": "viewer"})


def test_staff_leave_an_owner_too(office: Client, do: Any, customer: Customer) -> None:
    address = page(Membership, "change", customer.membership.pk)
    refused = office.post(address, {"role": Role.VIEWER})
    assert refused.status_code == 200
    assert "An organization needs an owner." in text_of(refused)
    assert "An organization needs an owner." in text_of(do("end", customer.membership))
    assert (fresh(customer.membership).role, fresh(customer.membership).ended_at) == (Role.OWNER, None)


def test_a_role_that_sees_all_sites_ends_a_restriction(office: Client, customer: Customer) -> None:
    member = MembershipFactory(organization=customer.organization, role=Role.STAFF, site_ids=[customer.site.pk])
    assert "1 of them" in text_of(office.get(page(Membership, "change", member.pk)))
    assert office.post(page(Membership, "change", member.pk), {"role": Role.ADMIN}).status_code == 302
    assert (fresh(member).role, fresh(member).site_ids) == (Role.ADMIN, None)


def test_invitations_of_a_member_whom_staff_lower_are_revoked(office: Client, customer: Customer) -> None:
    MembershipFactory(organization=customer.organization)
    office.post(page(Membership, "change", customer.membership.pk), {"role": Role.VIEWER})
    assert fresh(customer.invitation).revoked_at is not None


def test_staff_bring_an_organization_back(do: Any, customer: Customer) -> None:
    deleted = {30: "deleted too long ago", 1: "Brought back: 1 organization."}
    for days, words in deleted.items():
        with as_system():
            Organization.objects.update(deleted_at=timezone.now() - timedelta(days=days))
        assert words in text_of(do("restore", customer.organization))
    assert fresh(customer.organization).deleted_at is None
