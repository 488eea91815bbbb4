"""From a photograph to aligned crops: detection, landmarks, alignment."""
