"""The only adapters to rclpy: ingest, QoS, definitions, discovery, diagnostics, the client of a recorder."""
