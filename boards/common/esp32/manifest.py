# What the images of all ESP32 boards freeze: unosql, and what MicroPython's own images have.
include("../../manifest.py")
include("$(PORT_DIR)/boards/manifest.py")
freeze("modules")
