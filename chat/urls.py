from django.urls import path

from chat import views

urlpatterns = [
    path("", views.home, name="home"),
    path("chat/", views.chat, name="chat"),
    path("chat/<str:thread_id>/", views.chat, name="thread"),
    path("api/threads/", views.threads, name="threads"),
    path("api/files/", views.upload_file, name="upload_file"),
]
