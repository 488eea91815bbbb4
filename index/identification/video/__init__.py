"""Who is in a video: frames and face tracks."""
