"""What people say of images: queues, blind raters, events that are only ever appended, and what they add up to."""
