"""What each kind of unit is built like: the numbers of the physical model, with their reasons.

Units are SI with temperatures in °C. Where no source is named a number is an engineering estimate that was tuned until
the curves have the swing, cycle and recovery of real recordings; the estimate's reasoning stands beside it.

Note [Door heat]: an open doorway exchanges air by buoyancy, V' = 1/3 Cd W sqrt(g' H³), where g' is gravity times the
relative difference of densities and Cd about 0.65 (Brown and Solvason 1963; ASHRAE Handbook Refrigeration, chapter
"Refrigerated-Facility Loads"). With densities 7 % apart (20 K) that is 0.45 m³/s for a 0.9 x 2 m walk-in door and
0.05 m³/s for a 0.6 x 0.6 m counter door. One m³/s carries 1206 W/K. Strip curtains keep back about 70 % (same chapter),
and shelves and goods in the way of small doors more than half.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

# Share of a day's door openings in each hour of the local day.
KITCHEN_HOURS: Final = (0, 0, 0, 0, 0, 1, 3, 5, 6, 6, 8, 10, 10, 8, 5, 4, 6, 9, 10, 8, 5, 3, 2, 1)  # lunch and dinner
SHOP_HOURS: Final = (0, 0, 0, 0, 0, 0, 2, 5, 6, 6, 6, 8, 9, 8, 7, 7, 9, 10, 8, 5, 3, 1, 0, 0)
CLINIC_HOURS: Final = (0, 0, 0, 0, 0, 0, 0, 2, 8, 12, 12, 10, 5, 8, 12, 12, 9, 5, 1, 0, 0, 0, 0, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Loading:
    """Goods that come in at some hour of the day, warmer (or, in hot holding, hotter) than what is there."""

    hour: float  # local time
    share: float  # of the product mass, which leaves again with what is sold
    temperature: float
    door_s: float  # how long the door stands open for it
    chance: float = 1.0  # of happening on a day


@dataclass(frozen=True, kw_only=True, slots=True)
class Defrost:
    """How the evaporator gets rid of its ice. Times are local hours, as timers and controllers have them."""

    hours: tuple[float, ...]
    heater_w: float  # 0: off-cycle defrost, the room's own air melts the ice
    fan_runs: bool  # off with a heater, so that the heat stays in the coil
    longest_s: (
        float  # the time that ends it: all there is in coolers, the fail-safe where a coil sensor ends it earlier
    )
    end_coil: float = math.inf  # coil temperature that ends it
    drip_s: float = 120.0  # pause before cooling starts again, so that the water doesn't freeze in the pan


@dataclass(frozen=True, kw_only=True, slots=True)
class Cabinet:
    """A unit as a circuit of heat: ambient - envelope - air - product, and air - coil - compressor."""

    cut_out: float  # air temperature at which the compressor (or heater, in hot holding) stops
    cut_in: float  # and starts
    least_on_s: float = 120.0  # controllers protect the compressor from short cycles:
    least_off_s: float = 180.0  # 2 to 5 minutes are usual
    bulb_s: float = 60.0  # time constant of the thermostat's own sensor
    capacity_w: float  # cooling (heating) power with the coil at `coil_rated`
    coil_rated: float = -5.0
    coil_j_k: float  # heat capacity of the coil: kg of copper and aluminium x 0.5-0.9 kJ/kgK
    coil_w_k: float  # coil to air with the fan running
    still_share: float = 0.12  # of it that remains by natural convection, fan off
    fan_w: float  # fan, lights and frame heaters: heat that is always there
    volume_m3: float
    air_j_k: float  # air, liner, shelves and skins of packages: what follows the air within a minute or two
    envelope_w_k: float
    door_w_k: float  # Note [Door heat]
    product_kg: float
    product_j_kg_k: float = 3600.0  # fresh food, mostly water (4186); about 3.3-3.9 kJ/kgK in ASHRAE's tables
    freezes: bool = False  # goods are frozen: below, 2 kJ/kgK and a plateau while they thaw
    product_w_k: float
    product_ambient_w_k: float = 0.0  # radiation from the shop into an open case
    wet_share: float = 0.05  # of the product's surface that gives off water: lids and foil cover the rest
    openings_per_day: float
    opening_s: float  # median
    opening_spread: float = 0.6  # sigma of the logarithm: most are short, a few long
    longest_opening_s: float = 180.0
    hours: tuple[int, ...] = KITCHEN_HOURS
    loadings: tuple[Loading, ...] = ()
    defrost: Defrost | None = None
    heats: bool = False
    ambient: float = 22.0  # mean of the room around it
    ambient_swing: float = 3.0  # half of the difference between afternoon and night
    ambient_humidity: float = 50.0
    healthy_above: float  # air (product in hot holding) that shows the unit hasn't recovered yet from an excursion


WALK_IN_COOLER = Cabinet(
    # Swing of 5 °F is normal for walk-in thermostats; band 1.5-4 °C is what the trade aims at.
    cut_out=1.7,
    cut_in=4.0,
    capacity_w=1900,  # condensing units of small walk-ins: 1.5-3 kW; runs 40-60 % of the time
    coil_j_k=14_000,  # about 20 kg
    coil_w_k=270,  # 1.9 kW at 7 K between air and coil
    fan_w=150,
    volume_m3=20,  # 3 x 3 x 2.3 m
    air_j_k=180_000,  # 24 kJ/K of air, 40 m² of steel skin (0.6 mm, 90 kJ/K), racks and boxes
    envelope_w_k=24,  # 50 m² of 80 mm panel at 0.3 W/m²K, floor, gasket and drain leaks
    door_w_k=170,
    product_kg=450,
    product_w_k=140,
    openings_per_day=110,
    opening_s=18,
    longest_opening_s=240,
    loadings=(
        Loading(hour=7.5, share=0.10, temperature=6.0, door_s=300, chance=0.7),  # the morning's delivery
        Loading(hour=15.2, share=0.03, temperature=14.0, door_s=45, chance=0.8),  # prepared food put away
    ),
    # 2-4 a day, 20-40 min. Above freezing the room's air melts the ice.
    defrost=Defrost(hours=(2.5, 8.5, 14.5, 20.5), heater_w=0, fan_runs=True, longest_s=1080),
    ambient=24.0,
    healthy_above=5.0,
)

REACH_IN_FRIDGE = Cabinet(
    cut_out=1.4,
    cut_in=3.6,
    capacity_w=350,  # two-door upright, 0.3-0.5 kW at -8 °C
    coil_rated=-8.0,
    coil_j_k=2_600,
    coil_w_k=40,
    fan_w=32,
    volume_m3=1.1,
    air_j_k=26_000,  # 1.3 kJ/K of air, steel liner and wire shelves (45 kg), skins of the goods
    envelope_w_k=2.1,  # 5.5 m² of 60 mm foam at 0.35 W/m²K and gaskets
    door_w_k=110,
    product_kg=90,
    product_w_k=34,
    openings_per_day=120,
    opening_s=9,
    longest_opening_s=60,
    loadings=(
        Loading(hour=9.6, share=0.06, temperature=9.0, door_s=60, chance=0.8),
        Loading(hour=16.3, share=0.05, temperature=10.0, door_s=50, chance=0.7),
    ),
    defrost=Defrost(hours=(3.0, 9.0, 15.0, 21.0), heater_w=0, fan_runs=True, longest_s=1080),
    ambient=25.0,
    ambient_swing=3.5,
    healthy_above=5.0,
)

# A glass-door fridge for the counter: little air, so it warms within seconds of opening and recovers as fast, because
# cold bottles and the liner are all around the air. This is what makes the show unit quick without bending time.
COUNTER_FRIDGE = replace(
    REACH_IN_FRIDGE,
    cut_out=2.0,
    cut_in=3.8,
    # Enough for a door that stands open for 35 s every five minutes, all day.
    capacity_w=165,
    coil_j_k=1_200,
    coil_w_k=13,
    fan_w=14,
    volume_m3=0.15,
    air_j_k=800,  # 0.2 kJ/K of air, wire shelf, the skin of the liner
    envelope_w_k=1.0,
    door_w_k=45,  # Note [Door heat], with the first row of bottles in the way
    product_kg=40,
    product_j_kg_k=3900.0,  # drinks
    product_w_k=30,  # 2 m² of bottles and 1.7 m² of liner at 8 W/m²K
    openings_per_day=90,
    opening_s=6,
    longest_opening_s=20,
    hours=SHOP_HOURS,
    loadings=(),
    # Off-cycle, short: a counter fridge makes little ice.
    defrost=Defrost(hours=(4.0, 16.0), heater_w=0, fan_runs=True, longest_s=900, end_coil=2.5),
    ambient=23.0,
    ambient_swing=1.5,
)

PREP_TABLE = replace(
    REACH_IN_FRIDGE,
    cut_out=0.8,
    cut_in=3.0,
    capacity_w=310,
    coil_w_k=36,
    volume_m3=0.45,
    air_j_k=14_000,
    envelope_w_k=2.2,
    door_w_k=13,  # the lid over the pans: cold air lies still in a rail that is open on top
    product_kg=35,
    product_w_k=15,
    openings_per_day=60,
    opening_s=120,  # lids stay up while sandwiches are made
    longest_opening_s=360,
    loadings=(Loading(hour=10.2, share=0.25, temperature=6.0, door_s=120),),  # pans filled before lunch
    defrost=Defrost(hours=(4.5, 15.5, 22.5), heater_w=0, fan_runs=True, longest_s=1080),
    ambient=25.5,
    ambient_swing=3.5,
)

DISPLAY_CASE = Cabinet(
    # Entering air of dairy and deli cases: 0 °C.
    cut_out=-1.2,
    cut_in=1.0,
    capacity_w=2300,
    coil_rated=-7.0,
    coil_j_k=9_000,
    coil_w_k=260,
    fan_w=110,
    volume_m3=1.4,
    air_j_k=45_000,
    envelope_w_k=38,  # open front: the air curtain lets about 1 kW through at 22 K, three quarters of the case's load
    door_w_k=40,  # customers reaching through the curtain
    product_kg=180,
    product_w_k=75,
    product_ambient_w_k=5.0,
    wet_share=0.02,
    openings_per_day=260,
    opening_s=8,
    longest_opening_s=30,
    hours=SHOP_HOURS,
    loadings=(Loading(hour=6.5, share=0.15, temperature=5.0, door_s=0),),
    defrost=Defrost(hours=(0.5, 6.0, 12.5, 18.5), heater_w=0, fan_runs=True, longest_s=1500, end_coil=7.0),
    ambient=22.0,
    ambient_swing=1.5,
    healthy_above=3.0,
)

WALK_IN_FREEZER = Cabinet(
    cut_out=-22.0,
    cut_in=-19.5,
    capacity_w=2000,
    coil_rated=-27.0,
    coil_j_k=34_000,  # coil, drain pan and guards, which the heater warms too
    coil_w_k=340,
    fan_w=170,
    volume_m3=16,
    air_j_k=170_000,
    envelope_w_k=17,  # 100 mm panel at 0.22 W/m²K with an insulated floor
    door_w_k=150,  # heavier air than in a cooler, better curtain
    product_kg=1500,
    product_j_kg_k=2000.0,  # frozen food
    freezes=True,
    product_w_k=220,
    wet_share=0.01,
    openings_per_day=35,
    opening_s=20,
    longest_opening_s=150,
    loadings=(Loading(hour=8.0, share=0.05, temperature=-15.0, door_s=150, chance=0.5),),
    # Electric: the ice must melt inside a room of -20 °C, so the fan stands still and the heat stays in the coil.
    defrost=Defrost(hours=(1.0, 7.0, 13.0, 19.0), heater_w=1500, fan_runs=False, longest_s=2400, end_coil=12.0),
    ambient=23.0,
    healthy_above=-15.0,
)

CHEST_FREEZER = Cabinet(
    # Static evaporator in the walls, no fan, defrosted by hand once a year. A certified logger in such a freezer shows
    # cycles of about an hour and 1.5 K, which these numbers give.
    cut_out=-20.9,
    cut_in=-19.7,
    capacity_w=130,
    coil_rated=-28.0,
    coil_j_k=9_000,  # the inner wall itself
    coil_w_k=14,
    still_share=1.0,  # never had a fan
    fan_w=0,
    volume_m3=0.4,
    air_j_k=22_000,
    envelope_w_k=0.95,
    door_w_k=35,  # a lid on top: most of the cold air stays in, but warm hands and goods reach through it
    product_kg=120,
    product_j_kg_k=2000.0,
    freezes=True,
    product_w_k=9,
    wet_share=0.0,
    openings_per_day=12,
    opening_s=15,
    longest_opening_s=90,
    ambient=21.0,
    ambient_swing=2.0,
    healthy_above=-14.0,
)

VACCINE_FRIDGE = Cabinet(
    # Purpose-built: aims at 5 °C, air moves all the time, narrow swing.
    cut_out=4.1,
    cut_in=5.3,
    capacity_w=110,
    coil_rated=-4.0,
    coil_j_k=2_000,
    coil_w_k=30,
    fan_w=18,
    volume_m3=0.4,
    air_j_k=13_000,
    envelope_w_k=1.3,
    door_w_k=55,
    product_kg=30,
    product_j_kg_k=3900.0,
    product_w_k=16,
    wet_share=0.0,  # closed vials
    openings_per_day=25,
    opening_s=15,
    longest_opening_s=60,
    hours=CLINIC_HOURS,
    defrost=Defrost(hours=(3.5, 12.2), heater_w=0, fan_runs=True, longest_s=900, end_coil=4.8),
    ambient=21.5,
    ambient_swing=1.0,
    healthy_above=8.0,
)

HOT_HOLDING = Cabinet(
    # A soup well: water bath with an element under it. "Air" is the bath, "coil" the element.
    cut_out=73.0,
    cut_in=69.0,
    least_on_s=10.0,
    least_off_s=10.0,
    bulb_s=45.0,
    capacity_w=1200,
    coil_j_k=1_500,
    coil_w_k=60,
    still_share=1.0,
    fan_w=0,
    volume_m3=0.02,
    air_j_k=17_000,  # 4 litres of water
    envelope_w_k=3.5,
    door_w_k=4,  # steam while the lid is up
    product_kg=8,
    product_j_kg_k=3900.0,
    product_w_k=22,
    product_ambient_w_k=1.2,
    wet_share=0.0,
    openings_per_day=70,
    opening_s=25,
    longest_opening_s=240,
    loadings=(
        Loading(hour=11.0, share=0.6, temperature=80.0, door_s=60),  # refilled from the kettle
        Loading(hour=17.0, share=0.6, temperature=80.0, door_s=60),
    ),
    heats=True,
    ambient=24.5,
    healthy_above=60.0,
)

# By the platform's kind of unit.
CABINETS: Final[dict[str, Cabinet]] = {
    "walk_in_cooler": WALK_IN_COOLER,
    "reach_in_fridge": REACH_IN_FRIDGE,
    "prep_table": PREP_TABLE,
    "display_case": DISPLAY_CASE,
    "walk_in_freezer": WALK_IN_FREEZER,
    "chest_freezer": CHEST_FREEZER,
    "vaccine_fridge": VACCINE_FRIDGE,
    "hot_holding": HOT_HOLDING,
}
