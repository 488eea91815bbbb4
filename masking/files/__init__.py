"""Files and text on the way in and out: private, whole, escaped."""
