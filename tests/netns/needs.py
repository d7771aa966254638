"""Whether a lab can be here: exit code 0, or 77 after a line that says what is missing."""
import place

place.enter()
