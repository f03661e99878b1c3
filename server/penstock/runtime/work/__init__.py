"""What tasks do, one small class per task type; ``registry`` knows them all."""
