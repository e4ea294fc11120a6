"""The trade's vocabulary: words in keys of decoded payloads, in lower case, by what they say. Not a list of devices."""

from typing import Final


def vocabulary(words: str) -> frozenset[str]:
    """A set of words, written as a sentence."""
    return frozenset(words.split())


# --- what is measured ---
TEMPERATURE: Final = vocabulary(
    "temperature temperatures temp temps tempera tem tmp temperatura temperaturas temperatur temperaturen temperatuur"
    " température températures teplota температура 温度"
)
HUMIDITY: Final = vocabulary(
    "humidity humidities humi humid hum rh rhum relhum hygro hygrometry humedad humidité umidità feuchte feuchtigkeit"
    " luftfeuchte luftfeuchtigkeit влажность 湿度"
)
BATTERY: Final = vocabulary("battery bat batt batterie bateria akku")
# A contact that is certainly a door's, and one whose 0 and 1 mean different things at different makers.
DOOR: Final = vocabulary("door doors lid hatch porte tür")
CONTACT: Final = vocabulary("contact magnet magnetic reed")
DOOR_STATES: Final = vocabulary("open opened opening close closed status state is sensor switch window value")

# --- in which unit ---
UNITS: Final = {
    **dict.fromkeys(vocabulary("c celsius centigrade degc cel"), "c"),
    **dict.fromkeys(vocabulary("f fahrenheit degf"), "f"),
    **dict.fromkeys(vocabulary("k kelvin"), "k"),
}
PERCENT: Final = vocabulary("percent percentage perc pct prozent")
# A battery's charge, if the number allows: makers call volts a level, too (see values.battery).
CHARGE: Final = vocabulary("level lvl charge capacity remaining life soc gauge")

# --- words that don't tell one probe from another ---
FILLERS: Final = vocabulary(
    "value values val current now actual measured measure measures measurement measurements reading readings data"
    " sensor sensors payload payloads decoded object bytes message messages msg uplink telemetry field fields report"
    " params parameters status state deg degree degrees degs relative rel channel channels ch chn chan probes history"
    " historical log logs datalog backlog records items list array result results outputs info samples sample series"
    " inputs port ports slot slots devices the of upload"
)
# Give way to the value itself.
STATISTICS: Final = vocabulary("avg average mean median last latest recent")

# --- what isn't a product's or a room's temperature of now, nor anything below such a key ---
DEVICE_PARTS: Final = vocabulary(
    "mcu board onboard pcb ic chip cpu gpu internal int interne electronics electronic circuit circuitry module modem"
    " radio transceiver processor microcontroller barometer baro barometric device dev die junction heatsink lidar"
    " gps gnss led solar charger"
)
WISHES: Final = vocabulary(
    "target set setpoint setpoints desired setting settings setup config configuration cfg conf requested programmed"
    " goal preset configured default"
)
LIMITS: Final = vocabulary(
    "threshold thresholds thresh thres limit limits alarm alarms alert alerts warning warnings warn hysteresis hyst"
    " min minimum minima max maximum maxima lowest highest low high lower upper lo hi peak extreme extremes range"
    " band bound bounds"
)
CHANGES: Final = vocabulary(
    "delta change changes changed diff difference offset offsets trend rate slope gradient variation deviation step"
    " cal calib calibration calibrated correction compensation adjust adjustment adj stddev sigma variance tendency"
    " rise drop"
)
DERIVED: Final = vocabulary(
    "dew dewpoint frost frostpoint feels felt apparent perceived heatindex wet bulb wetbulb windchill chill color"
    " colour cct forecast predicted simulated"
)
NOWHERE: Final = DEVICE_PARTS | WISHES | LIMITS | CHANGES | DERIVED
# Said of a value; a container of that name may still hold one.
ABOUT: Final = vocabulary(
    "status state flag flags enabled enable enables valid error errors err fault faults failure event events count"
    " counter counts cnt times interval period time timestamp duration unit units uom type mode source id index idx"
    " name label resolution accuracy precision version model trigger triggered triggers broken present connected"
    " disconnected detected code raw scaled x10 x100 x1000 centi deci milli adc hex reg register voltage volt volts mv"
    " v ma mah resistance ohm ohms res health quality class tamper cycle cycles date age"
)
# Water in soil or grain, grams in a cubic metre: not relative humidity of air.
NOT_AIR: Final = vocabulary("soil soild ground substrate leaf grain moisture absolute abs specific vwc")

# --- where and when ---
# Lists of these have an item for each probe; other lists are series of one probe, or a mixture.
PROBE_LISTS: Final = vocabulary(
    "sensors probes channels inputs ports slots devices beacons nodes tags loggers thermometers thermocouples zones"
    " compartments temperatures temps"
)
# Keys of an item that say which probe it is of; the words of PROBE_IDS only in such lists, elsewhere they count items.
PROBES: Final = vocabulary("channel ch chn chan probe sensor port input slot position")
LABELS: Final = vocabulary("name label")
PROBE_IDS: Final = vocabulary("id index idx number no nr num mac address addr serial rom eui uuid")
PLACES: Final = vocabulary(
    "probe ext external in out inside outside indoor outdoor air water soil ambient surface product food core room"
    " fridge freezer cooler top middle center bottom left right front back supply return red white black"
)
STORED: Final = vocabulary("history historical log logs datalog backlog archive stored memory past previous")
TIMES: Final = vocabulary("time timestamp ts date datetime epoch systimestamp")
TIME_WORDS: Final = TIMES | vocabulary("unix utc at recorded measured sampled sys data device reading stamp")
CONNECTED: Final = vocabulary("connected attached plugged")
BROKEN: Final = vocabulary("broken disconnected unplugged missing")
