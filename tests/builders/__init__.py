"""Makers of small inputs."""
