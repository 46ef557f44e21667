"""What runs by itself: jobs, the schedules that start them, and the sensor that keeps gold up to date."""
