"""Measured values out of whatever a payload decoder made of a device's bytes.

`extract` reads decoded payloads (The Things Stack `decoded_payload`, ChirpStack `object`), `extract_normalized` the
few agreed names of The Things Stack's `normalized_payload`. Both walk any JSON without ever raising.

Channels. A device with several probes has a channel for each, and the channel of a value is read from its key alone,
so it is the same whatever other keys an uplink has, and in whatever order. The key's words for the quantity
(temperature, Temp, Hum), units (C) and fillers (sensor, channel, value) are dropped; what is left names the channel:

    temperature, Temp, tempC, TempC_SHT, Hum_SHT, sensorTemperature, tempNOW   "0", the device's own or only sensor
    TempC1, Temp_Channel1, temperature_chn1, temperature_1                     "1"
    TempC_DS, TempC_DS18B20, TempC_TMP117                                      "ds", "ds18b20", "tmp117"
    externalTemperature, externalTemperature2, EXT_TempC_SHT                   "external", "external-2", "ext"
    Temp_Red, soil.temperature, ambient_temperature, probe1.temperature        "red", "soil", "ambient", "probe-1"
    {"channel": 3, "type": "temperature", "value": …}                          "3"
    temperatures[0], temperatures[1]                                           "0", "1"

Humidity and temperature of one channel and time are one measurement. The state of a door is on channel "0" unless its
key has a number.
"""

from ingest.measurements.extraction import Extracted, extract, extract_normalized
from ingest.measurements.grouping import Measurement

__all__ = ["Extracted", "Measurement", "extract", "extract_normalized"]
