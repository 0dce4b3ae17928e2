"""What conversations are about. Pure: no clock, no socket; files only while a recipe is loaded."""
