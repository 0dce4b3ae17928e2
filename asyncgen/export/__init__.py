"""An output in the formats that trainers and hubs read. The output itself is only read."""
