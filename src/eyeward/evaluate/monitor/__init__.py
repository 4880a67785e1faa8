"""A guard over time: windows of what it said, and alarms that are false no more often than promised."""
