from coachmaster.demo.bench.settings import *  # noqa: F403

ROOT_URLCONF = "coachmaster.urls"
