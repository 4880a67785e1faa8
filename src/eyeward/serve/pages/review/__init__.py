"""The review page: queues, blind rating, adjudication, settings, exports."""
