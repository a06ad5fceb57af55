# unosql, and what MicroPython's own image for 2 MiB has; flashbdev is ours.
include("../manifest.py", small=True)
freeze("$(PORT_DIR)/modules", ("_boot.py", "apa102.py", "inisetup.py", "port_diag.py"))
freeze("modules")

for _library in (
    "bundle-networking", "dht", "ds18x20", "neopixel", "onewire", "ssd1306", "umqtt.robust", "umqtt.simple", "upysh",
):
    require(_library)
