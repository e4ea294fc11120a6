"""Places and sensors under /orgs/<slug>/."""

from rest_framework.routers import SimpleRouter

from sensors import views

router = SimpleRouter()
router.register("sites", views.Sites, basename="site")
router.register("areas", views.Areas, basename="area")
router.register("units", views.Units, basename="unit")
router.register("gateways", views.Gateways, basename="gateway")
router.register("sensors", views.Sensors, basename="sensor")
urlpatterns = router.urls
