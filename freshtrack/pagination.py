"""Lists in pages: {"results", "next", "previous"}, by cursor, so that pages don't shift while rows come in."""

from rest_framework.pagination import CursorPagination


class CursorPages(CursorPagination):
    """Follows the queryset's own order, which views make explicit and end in a unique column."""

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering = "-pk"
    cursor_query_description = "Opaque; take it from `next` or `previous`."

    def get_ordering(self, request, queryset, view):  # type: ignore[no-untyped-def]
        """The view's queryset says how it is ordered."""
        return tuple(queryset.query.order_by) or (self.ordering,)
